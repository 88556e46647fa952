import type { IncomingHttpHeaders } from 'node:http';
import type { ObjectDescription } from '../objects.ts';
import { isHeaderText, isStorable, textOfHeader } from './texts.ts';
import { S3Error } from '../wire/errors.ts';

/** Headers that are kept with an object, and answered with it. */
const KEPT_HEADERS = [
  'Cache-Control',
  'Content-Disposition',
  'Content-Encoding',
  'Content-Language',
  'Expires',
] as const;
const METADATA = 'x-amz-meta-';
/** Bytes of all names and values together. */
const MOST_METADATA = 2_048;
const [MOST_TAGS, LONGEST_TAG_KEY, LONGEST_TAG_VALUE] = [10, 128, 256];

/** What headers ask for, by name, and what is offered of it: nothing is stored that is not what was asked for. */
const NOT_OFFERED = /^x-amz-(website-redirect-location|storage-class$|write-offset)/;
const OFFERED: Readonly<Record<string, readonly string[]>> = {
  'x-amz-storage-class': ['STANDARD'],
};

/** Throws NotImplemented for a header that asks for what there is not. */
export function refuseNotOffered(headers: IncomingHttpHeaders): void {
  for (const [name, value] of Object.entries(headers)) {
    if (!NOT_OFFERED.test(name) || OFFERED[name]?.includes(String(value))) continue;
    if (name === 'x-amz-storage-class') throw new S3Error('InvalidStorageClass');
    throw new S3Error('NotImplemented', {
      message: `${name}: ${String(value)} is not offered here`,
      extra: { Header: name },
    });
  }
}

/** What the headers say of an object. */
export function described(key: string, headers: IncomingHttpHeaders): ObjectDescription {
  // Those of a form, or of a URL, may be what no header can be.
  const [wrong] = Object.entries(headers).find(([, value]) => !isHeaderText(String(value))) ?? [];
  if (wrong !== undefined)
    throw new S3Error('InvalidArgument', { message: `${wrong} has a character that no header may have` });
  return {
    key,
    contentType: headers['content-type'] ?? 'binary/octet-stream',
    headers: Object.fromEntries(
      KEPT_HEADERS.flatMap((name) => {
        const value = keptValue(name, headers[name.toLowerCase()]?.toString());
        return value === undefined ? [] : [[name, value]];
      }),
    ),
    metadata: metadataOf(headers),
    tags: tagsOf(headers['x-amz-tagging']?.toString()),
  };
}

/** The framing of the request is no encoding of the object. */
function keptValue(name: string, value: string | undefined): string | undefined {
  if (name !== 'Content-Encoding' || value === undefined) return value;
  const left = value
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== 'aws-chunked' && each !== '');
  return left.length > 0 ? left.join(', ') : undefined;
}

function metadataOf(headers: IncomingHttpHeaders): Record<string, string> {
  const found = Object.entries(headers).flatMap(([name, value]) =>
    name.startsWith(METADATA) && name !== METADATA
      ? [[name.slice(METADATA.length), textOfHeader(String(value))] as const]
      : [],
  );
  const size = found.reduce((sum, [name, value]) => sum + name.length + value.length, 0);
  if (size > MOST_METADATA)
    throw new S3Error('MetadataTooLarge', { extra: { Size: String(size), MaxSizeAllowed: String(MOST_METADATA) } });
  return Object.fromEntries(found);
}

/** `a=b&c=d`, as a query has it. */
function tagsOf(text: string | undefined): Record<string, string> {
  if (text === undefined || text === '') return {};
  return checkedTags([...new URLSearchParams(text)]);
}

/** Throws InvalidTag, and BadRequest's like for too many. */
export function checkedTags(tags: readonly (readonly [string, string])[], most = MOST_TAGS): Record<string, string> {
  if (tags.length > most) throw new S3Error('InvalidTag', { message: `Tags cannot be greater than ${most}` });
  if (new Set(tags.map(([name]) => name)).size < tags.length)
    throw new S3Error('InvalidTag', { message: 'Cannot provide multiple Tags with the same key' });
  for (const [name, value] of tags) {
    if (name === '' || name.length > LONGEST_TAG_KEY)
      throw new S3Error('InvalidTag', { message: 'The TagKey you have provided is invalid' });
    if (!isStorable(name) || !isStorable(value))
      throw new S3Error('InvalidTag', { message: 'A tag has no NUL, and no half of a character' });
    if (value.length > LONGEST_TAG_VALUE)
      throw new S3Error('InvalidTag', { message: 'The TagValue you have provided is invalid' });
  }
  return Object.fromEntries(tags);
}
