import type { Objects } from '../objects.ts';
import { S3Error } from '../wire/errors.ts';
import { parseXml } from '../wire/parse-xml.ts';
import type { XmlElement } from '../wire/parse-xml.ts';
import { versionHeaders, writtenVersion, xml } from './answer.ts';
import type { Answer } from './answer.ts';
import { checkedTags } from './description.ts';
import { amended, found, isVersioned } from './found.ts';
import type { S3Request } from './request.ts';

export const tagElements = (tags: readonly (readonly [string, string])[]) =>
  tags.map(([Key, Value]) => ({ Key, Value }));

export async function getTagging(request: S3Request, objects: Objects): Promise<Answer> {
  const row = await found(request, objects);
  const tags = tagElements(Object.entries(row.tags).toSorted(([a], [b]) => (a < b ? -1 : 1)));
  return xml('Tagging', { TagSet: { Tag: tags } }, versionHeaders(row, isVersioned(request)));
}

export async function putTagging(request: S3Request, objects: Objects): Promise<Answer> {
  const tags = checkedTags(tagsIn(parseXml(await request.document(), { root: 'Tagging', lists: ['Tag'] })));
  const row = await found(request, objects);
  await amended(request, objects, row, () => ({ tags }));
  return { headers: writtenVersion(row) };
}

export async function deleteTagging(request: S3Request, objects: Objects): Promise<Answer> {
  const row = await found(request, objects);
  await amended(request, objects, row, () => ({ tags: {} }));
  return { status: 204, headers: writtenVersion(row) };
}

/** Of a Tagging document. */
export function tagsIn({ TagSet: set }: XmlElement): readonly (readonly [string, string])[] {
  if (set === undefined || Array.isArray(set)) throw new S3Error('MalformedXML');
  const given = typeof set === 'string' ? [] : (((set as XmlElement)['Tag'] ?? []) as readonly XmlElement[]);
  return given.map(({ Key: name, Value: value }) => [textOf(name), textOf(value)] as const);
}

function textOf(value: XmlElement[string] | undefined): string {
  if (typeof value !== 'string') throw new S3Error('MalformedXML');
  return value;
}
