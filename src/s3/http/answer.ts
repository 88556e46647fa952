import type { ObjectRow } from '../row.ts';
import { NULL_VERSION } from '../row.ts';
import { S3_NAMESPACE, toXml } from '../wire/xml.ts';
import type { XmlObject } from '../wire/xml.ts';

/** What an operation answers. */
export interface Answer {
  status?: number;
  headers?: Readonly<Record<string, string>>;
  body?: string | AsyncIterable<Buffer>;
}

export const xml = (root: string, value: XmlObject, headers: Readonly<Record<string, string>> = {}): Answer => ({
  headers: { 'content-type': 'application/xml', ...headers },
  body: toXml(root, value, S3_NAMESPACE),
});

export const quoted = (etag: string): string => `"${etag}"`;

/** Of what is read in a bucket that keeps versions, or has kept some. */
export const versionHeaders = (row: Pick<ObjectRow, 'versionId'>, isVersioned: boolean): Record<string, string> =>
  isVersioned || row.versionId !== NULL_VERSION ? { 'x-amz-version-id': row.versionId } : {};

/** Of what was written: what takes the place of the one without an id tells none. */
export const writtenVersion = (row: Pick<ObjectRow, 'versionId'>): Record<string, string> => versionHeaders(row, false);

export function checksumHeaders({ checksum }: Pick<ObjectRow, 'checksum'>): Record<string, string> {
  if (!checksum) return {};
  const { algorithm, type, value } = checksum;
  return { [`x-amz-checksum-${algorithm.toLowerCase()}`]: value, 'x-amz-checksum-type': type };
}
