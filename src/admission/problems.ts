import { keyOf, titleOf } from '../api/metadata.ts';
import type { Ref } from '../api/metadata.ts';
import { messageOf, StatusError } from '../base/errors.ts';
import type { LoadedDocument, Problem } from './load.ts';

/** What is wrong with a document, by anyone's finding, at its place in the file. */
export function problemsOf({ file, locate }: LoadedDocument, error: unknown): Problem[] {
  const causes = error instanceof StatusError ? error.causes : [];
  if (causes.length === 0) return [{ file, place: locate(undefined), message: messageOf(error) }];
  return causes.map(({ reason, field, message }) => ({
    file,
    // What is wrong with an unknown field is its name.
    place: locate(field?.replace(/^\./, ''), reason === 'FieldValueUnknown' ? 'key' : 'value'),
    ...(field ? { field: field.replace(/^\./, '') } : {}),
    message,
  }));
}

/** Two documents of one object in two files: which one shall it be? (In one file `load` has found them.) */
export function duplicates(documents: readonly (LoadedDocument & { ref: Ref })[]): Problem[] {
  const first = new Map<string, LoadedDocument>();
  return documents.flatMap((document) => {
    const before = first.get(keyOf(document.ref));
    first.set(keyOf(document.ref), before ?? document);
    if (!before) return [];
    const { line } = before.locate('metadata.name');
    const message = `${titleOf(document.ref)} is already in ${before.file}:${line}`;
    return [{ file: document.file, place: document.locate('metadata.name'), field: 'metadata.name', message }];
  });
}
