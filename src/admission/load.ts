import { isMap, isPair, isScalar, isSeq, LineCounter, parseAllDocuments, visit } from 'yaml';
import type { Document, Node } from 'yaml';
import { DEFAULT_NAMESPACE } from '../api/metadata.ts';
import { messageOf } from '../base/errors.ts';
import { parsePath } from './path.ts';
import type { Segment } from './path.ts';

/** A file larger than this is refused before it is parsed: no manifest is, and a bomb may be. */
export const MAX_BYTES = 1 << 20;
/** Alias expansions that one document may come to (the yaml library's own default). */
const MAX_ALIASES = 100;
const MAX_DOCUMENTS = 10_000;

interface Place {
  line: number;
  column: number;
}

/** What is wrong, and where: printed as `file:line:column: field: message`. */
export interface Problem {
  file: string;
  place?: Place;
  field?: string;
  message: string;
}

export interface LoadedDocument {
  file: string;
  document: Record<string, unknown>;
  /** Where a field stands; of one that is not there, where its nearest ancestor stands. */
  locate: (field: string | undefined, part?: 'key' | 'value') => Place;
}

export interface Loaded {
  documents: LoadedDocument[];
  problems: Problem[];
}

export const formatProblem = ({ file, place, field, message }: Problem): string =>
  `${file}${place ? `:${place.line}:${place.column}` : ''}: ${field ? `${field}: ` : ''}${message}`;

/** YAML or JSON text as documents with their places. Problems are values: all of a file's are told at once. */
export function load(text: string, file: string): Loaded {
  const bytes = Buffer.byteLength(text);
  if (bytes > MAX_BYTES) return refused(file, `the file has ${bytes} bytes; at most ${MAX_BYTES} are read. Split it`);
  const lines = new LineCounter();
  let parsed: Document.Parsed[];
  try {
    parsed = parseAllDocuments(text, {
      lineCounter: lines,
      // It compares each key with each other; `doubledKeys` does not.
      uniqueKeys: false,
      prettyErrors: false,
      maxAliasCount: MAX_ALIASES,
    } as object) as Document.Parsed[];
  } catch (error) {
    return refused(file, messageOf(error));
  }
  if (parsed.length > MAX_DOCUMENTS)
    return refused(file, `the file has ${parsed.length} documents; at most ${MAX_DOCUMENTS} are read. Split it`);
  const loaded: Loaded = { documents: [], problems: [] };
  for (const yaml of parsed) readDocument(yaml, file, lines, loaded);
  findDuplicates(loaded);
  return loaded;
}

const refused = (file: string, message: string): Loaded => ({ documents: [], problems: [{ file, message }] });

function readDocument(yaml: Document.Parsed, file: string, lines: LineCounter, into: Loaded): void {
  const at = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  if (yaml.errors.length > 0) {
    for (const error of yaml.errors)
      into.problems.push({ file, place: at(error.pos[0]), message: sentence(error.message) });
    return;
  }
  const doubled = doubledKeys(yaml);
  for (const offset of doubled) into.problems.push({ file, place: at(offset), message: 'Map keys must be unique' });
  if (doubled.length > 0) return;
  let value: unknown;
  try {
    value = yaml.toJS({ maxAliasCount: MAX_ALIASES });
  } catch (error) {
    into.problems.push({ file, place: at(yaml.contents?.range?.[0] ?? 0), message: messageOf(error) });
    return;
  }
  if (value === null || value === undefined) return;
  if (typeof value !== 'object' || Array.isArray(value)) {
    into.problems.push({
      file,
      place: at(yaml.contents?.range?.[0] ?? 0),
      message: 'expected a document with apiVersion, kind, metadata and spec',
    });
    return;
  }
  const document = value as Record<string, unknown>;
  const locateIn =
    (prefix: readonly Segment[]): LoadedDocument['locate'] =>
    (field, part = 'value') =>
      at(offsetOf(yaml, [...prefix, ...parsePath(field ?? '')], part));
  if (document['kind'] !== 'List') {
    into.documents.push({ file, document, locate: locateIn([]) });
    return;
  }
  const items = Array.isArray(document['items']) ? (document['items'] as unknown[]) : [];
  items.forEach((item, i) =>
    into.documents.push({ file, document: item as Record<string, unknown>, locate: locateIn(['items', i]) }),
  );
}

/** Where keys stand that their mapping has already. */
function doubledKeys(yaml: Document.Parsed): number[] {
  const offsets: number[] = [];
  visit(yaml, {
    Map(_, map) {
      const seen = new Set<unknown>();
      for (const { key } of map.items) {
        if (!isScalar(key)) continue;
        if (seen.has(key.value)) offsets.push(key.range?.[0] ?? 0);
        seen.add(key.value);
      }
    },
  });
  return offsets;
}

const sentence = (message: string): string =>
  message.split('\n')[0]?.replace(/ at line \d+, column \d+:?$/, '') ?? message;

/** The offset of the value, or of the key when the value is empty; of the nearest ancestor when the field is missing. */
function offsetOf(yaml: Document.Parsed, segments: readonly Segment[], part: 'key' | 'value'): number {
  let node: unknown = yaml.contents;
  let offset = yaml.contents?.range?.[0] ?? 0;
  for (const segment of segments) {
    if (isMap(node)) {
      const pair = node.items.find((p) => isPair(p) && isScalar(p.key) && String(p.key.value) === String(segment));
      if (!pair) return offset;
      offset = (pair.key as Node).range?.[0] ?? offset;
      node = pair.value;
    } else if (isSeq(node)) {
      node = node.items[Number(segment)];
      offset = (node as Node | undefined)?.range?.[0] ?? offset;
    } else return offset;
  }
  return part === 'value' && isScalar(node) && node.range && node.range[1] > node.range[0] ? node.range[0] : offset;
}

/** Which object a document speaks of, as far as it says; for finding two of one. */
export function identityOf(document: Record<string, unknown>): { kind: string; namespace: string; name: string } {
  const metadata = (document['metadata'] ?? {}) as { name?: unknown; namespace?: unknown };
  const text = (value: unknown, fallback: string) => (typeof value === 'string' && value !== '' ? value : fallback);
  return {
    kind: text(document['kind'], ''),
    namespace: text(metadata.namespace, DEFAULT_NAMESPACE),
    name: text(metadata.name, ''),
  };
}

function findDuplicates(loaded: Loaded): void {
  const seen = new Map<string, LoadedDocument>();
  loaded.documents = loaded.documents.filter((loadedDocument) => {
    const { kind, namespace, name } = identityOf(loadedDocument.document ?? {});
    const key = `${kind}/${namespace}/${name}`;
    const first = seen.get(key);
    if (!first || name === '') return seen.set(key, loadedDocument);
    const { line } = first.locate('metadata.name');
    loaded.problems.push({
      file: loadedDocument.file,
      place: loadedDocument.locate('metadata.name'),
      field: 'metadata.name',
      message: `${kind} ${namespace}/${name} is already at line ${line} of this file`,
    });
    return false;
  });
}
