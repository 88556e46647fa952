import type { Objects } from '../objects.ts';
import type { ObjectRow } from '../row.ts';
import { S3Error } from '../wire/errors.ts';
import { parseXml } from '../wire/parse-xml.ts';
import type { XmlElement } from '../wire/parse-xml.ts';
import { versionHeaders, writtenVersion, xml } from './answer.ts';
import type { Answer } from './answer.ts';
import { checkedTags } from './description.ts';
import { found, isVersioned } from './object-operations.ts';
import type { S3Request } from './request.ts';

export async function getTagging(request: S3Request, objects: Objects): Promise<Answer> {
  const row = await found(request, objects);
  const tags = Object.entries(row.tags).map(([Key, Value]) => ({ Key, Value }));
  return xml('Tagging', { TagSet: { Tag: tags } }, versionHeaders(row, isVersioned(request)));
}

export async function putTagging(request: S3Request, objects: Objects): Promise<Answer> {
  const tags = tagsIn(parseXml(await request.document(), { root: 'Tagging', lists: ['Tag'] }));
  return { headers: writtenVersion(await tagged(request, objects, tags)) };
}

export async function deleteTagging(request: S3Request, objects: Objects): Promise<Answer> {
  return { status: 204, headers: writtenVersion(await tagged(request, objects, {})) };
}

/** Of a Tagging document. */
export function tagsIn({ TagSet: set }: XmlElement): Record<string, string> {
  if (set === undefined || Array.isArray(set)) throw new S3Error('MalformedXML');
  const given = typeof set === 'string' ? [] : (((set as XmlElement)['Tag'] ?? []) as readonly XmlElement[]);
  return checkedTags(given.map(({ Key: name, Value: value }) => [textOf(name), textOf(value)] as const));
}

async function tagged(request: S3Request, objects: Objects, tags: Record<string, string>): Promise<ObjectRow> {
  const { versionId, key, bucket } = { ...(await found(request, objects)), bucket: request.bucket };
  return objects.rows.change(bucket, [{ key, versionId }], (now) => {
    const row = now.version(key, versionId);
    if (!row) throw new S3Error('NoSuchKey', { extra: { Key: key } });
    now.amend(row, { tags });
    return row;
  });
}

function textOf(value: XmlElement[string] | undefined): string {
  if (typeof value !== 'string') throw new S3Error('MalformedXML');
  return value;
}
