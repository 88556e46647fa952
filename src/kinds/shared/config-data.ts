import type { JsonSchema } from '../../api/kind.ts';
import type { Resource } from '../../api/metadata.ts';
import type { Cause } from '../../base/errors.ts';
import { sameJson } from '../../base/hash.ts';

/** What configuration is kept in: texts, and bytes in base64, each under a key that may be a file's name. */
export interface ConfigData {
  data?: Readonly<Record<string, string>>;
  binaryData?: Readonly<Record<string, string>>;
  immutable?: boolean;
}

/** Bytes of all values of one document, decoded: Kubernetes' bound. */
const MAX_DATA_BYTES = 1 << 20;
/** Room for base64, for JSON's escapes, and for the copy that kubectl keeps in an annotation. */
export const MAX_DOCUMENT_BYTES = 4 << 20;

const BASE64 = '^([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$';

/** Text under keys that may be names of files. */
export const texts = (description: string): JsonSchema => ({
  type: 'object',
  maxProperties: 4_096,
  propertyNames: {
    maxLength: 253,
    pattern: '^(?!\\.\\.?$)[-._a-zA-Z0-9]+$',
    'x-expected': 'a key of letters, digits, "-", "_" and "."',
  },
  additionalProperties: { type: 'string' },
  description,
});

export const base64Text: JsonSchema = { type: 'string', pattern: BASE64, 'x-expected': 'base64' };

/** Bytes, in base64. */
export const encoded = (description: string): JsonSchema => ({
  ...texts(description),
  additionalProperties: base64Text,
});

/** What a ConfigMap or a Secret has under the key: a Secret's data are bytes in base64. */
export function contentAt(document: Resource & ConfigData, key: string): string | Buffer | undefined {
  const { kind, data = {}, binaryData = {} } = document;
  if (Object.hasOwn(data, key)) return kind === 'Secret' ? Buffer.from(data[key] ?? '', 'base64') : (data[key] ?? '');
  return Object.hasOwn(binaryData, key) ? Buffer.from(binaryData[key] ?? '', 'base64') : undefined;
}

export const immutable: JsonSchema = {
  type: 'boolean',
  description: 'Whether its data stays as it is: it can be deleted and made again, not changed. Cannot be taken back.',
};

/** What was set down as never changing has changed. */
export function immutableCauses<R extends Resource & { immutable?: boolean }>(
  next: R,
  old: R | undefined,
  fields: readonly (keyof R & string)[],
): Cause[] {
  if (old?.immutable !== true) return [];
  return [...fields, 'immutable' as const]
    .filter((field) => !sameJson(next[field], old[field]))
    .map((field) => ({
      reason: 'FieldValueForbidden',
      field,
      message: 'cannot change, because immutable is true; delete the object and create it again',
    }));
}

/** Everything that one document holds is bounded together. */
export function sizeCauses(field: string, bytes: number): Cause[] {
  if (bytes <= MAX_DATA_BYTES) return [];
  return [{ reason: 'FieldValueTooLong', field, message: `holds ${bytes} bytes; at most ${MAX_DATA_BYTES} fit` }];
}

export const bytesOf = (values: Readonly<Record<string, string>> | undefined, encoding: 'utf8' | 'base64'): number =>
  Object.values(values ?? {}).reduce((sum, value) => sum + Buffer.byteLength(value, encoding), 0);
