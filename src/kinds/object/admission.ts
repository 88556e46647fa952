import { invalid } from '../../api/field-errors.ts';
import { titleFor } from '../../api/kind.ts';
import type { Admission, AdmissionSettings, View } from '../../api/kind.ts';
import type { Cause } from '../../base/errors.ts';
import { MAX_CONTENT_BYTES } from './schema.ts';
import type { DeclaredObject, ObjectSpec } from './types.ts';

const LONGEST_KEY = 1_024;
/** Bytes of all names and values together, as S3 has it. */
const MOST_METADATA = 2_048;
const SOURCES = ['content', 'contentBase64', 'contentFrom'] as const;

export function checkObject({ spec }: DeclaredObject, old?: DeclaredObject): Cause[] {
  const causes: Cause[] = (['bucket', 'key'] as const)
    .filter((field) => old && old.spec[field] !== spec[field])
    .map((field) =>
      invalid(field, `${field} cannot change from "${old?.spec[field]}": declare another Object, and delete this one`),
    );
  const bytes = Buffer.byteLength(spec.key);
  if (bytes > LONGEST_KEY) causes.push(invalid('key', `has ${bytes} bytes; at most ${LONGEST_KEY} fit`));
  return [...causes, ...checkContent(spec), ...checkMetadata(spec.metadata ?? {})];
}

function checkContent(spec: ObjectSpec): Cause[] {
  const given = SOURCES.filter((field) => spec[field] !== undefined);
  const [first, second] = given;
  if (first === undefined)
    return [invalid('content', 'is missing: give one of content, contentBase64 and contentFrom')];
  if (second !== undefined) return [invalid(second, `${first} is there too: give one of them`)];
  if (spec.contentFrom) {
    const { configMap, secret } = spec.contentFrom;
    return (configMap === undefined) === (secret === undefined)
      ? [invalid('contentFrom', 'give one of configMap and secret')]
      : [];
  }
  const size = Buffer.byteLength(
    spec.content ?? spec.contentBase64 ?? '',
    spec.content === undefined ? 'base64' : 'utf8',
  );
  return size > MAX_CONTENT_BYTES
    ? [invalid(first, `has ${size} bytes; at most ${MAX_CONTENT_BYTES} fit: put it with a client of S3`)]
    : [];
}

function checkMetadata(metadata: Readonly<Record<string, string>>): Cause[] {
  const size = Object.entries(metadata).reduce((sum, [name, value]) => sum + name.length + value.length, 0);
  return size > MOST_METADATA ? [invalid('metadata', `has ${size} bytes; at most ${MOST_METADATA} fit`)] : [];
}

/** One key of a bucket is declared by one document. */
export function admitObject(
  next: DeclaredObject,
  _old: DeclaredObject | undefined,
  view: View,
  { author }: AdmissionSettings,
): Admission<DeclaredObject> {
  const other = view
    .lookup('Object', 'objectKey', placeOf(next))
    .find(({ metadata }) => metadata.name !== next.metadata.name);
  const causes = other
    ? [
        {
          reason: 'FieldValueDuplicate',
          field: 'spec.key',
          message: `is declared by ${titleFor(author, other)} already`,
        },
      ]
    : [];
  return { resource: next, causes };
}

/** Names of buckets have no slash. */
export const placeOf = ({ metadata, spec }: DeclaredObject): string =>
  `${metadata.namespace}/${spec.bucket}/${spec.key}`;
