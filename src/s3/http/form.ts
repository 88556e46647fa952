import { Busboy } from '@fastify/busboy';
import type { BusboyConfig } from '@fastify/busboy';
import type { Readable } from 'node:stream';
import type { Asker, Buckets, S3Keys } from '../buckets.ts';
import type { Objects } from '../objects.ts';
import type { ObjectRow } from '../row.ts';
import { askedChecksum } from '../wire/asked-checksum.ts';
import { S3Error } from '../wire/errors.ts';
import { parseXml } from '../wire/parse-xml.ts';
import { checkPostSize, verifyPostPolicy } from '../wire/post-policy.ts';
import type { VerifiedPost } from '../wire/post-policy.ts';
import { quoted, writtenVersion } from './answer.ts';
import type { Answer } from './answer.ts';
import { askedDigester } from './digester.ts';
import { askedObject } from './asked-object.ts';
import { checkedTags } from './description.ts';
import { headerText } from './texts.ts';
import { LARGEST_PUT } from './object-operations.ts';
import { checkedKey } from './request.ts';
import type { S3Request } from './request.ts';
import { PUTTING } from './asks.ts';
import { tagsIn } from './tagging.ts';
import { toXml } from '../wire/xml.ts';

/** Of all fields before the file, as in S3: 20 KB. */
const MOST_FIELD_BYTES = 20 << 10;
const MOST_FIELDS = 200;

type Fields = Record<string, string>;

export interface FormUse {
  objects: Objects;
  buckets: Buckets;
  keys: S3Keys;
}

/** A browser's form: its policy tells who lets it be put. Fields after the file mean nothing. */
export function postObject(request: S3Request, use: FormUse): Promise<Answer> {
  const type = request.header('content-type') ?? '';
  if (!type.startsWith('multipart/form-data'))
    throw new S3Error('InvalidRequest', {
      message: 'A POST to a bucket is a form: Content-Type is multipart/form-data',
    });
  return new Promise((resolve, reject) => {
    const limits = { fields: MOST_FIELDS, fieldSize: MOST_FIELD_BYTES, fieldNameSize: 256, files: 1, headerPairs: 50 };
    const headers = { ...request.raw.headers, 'content-type': type };
    // As in S3: some clients give every field the name of a file.
    const isPartAFile = (name: string | undefined) => name?.toLowerCase() === 'file';
    const form = new Busboy({ headers, limits, isPartAFile } as BusboyConfig);
    const fields: Fields = {};
    let size = 0;
    let hasFile = false;
    form.on('field', (name, value, isNameCut, isCut) => {
      size += name.length + value.length;
      if (isNameCut || isCut || size > MOST_FIELD_BYTES) reject(new S3Error('MaxPostPreDataLengthExceeded'));
      else if (!hasFile) fields[name.toLowerCase()] = value;
    });
    form.on('file', (_name, file, filename) => {
      hasFile = true;
      put(request, fields, file, filename ?? '', use)
        .then(resolve, reject)
        .finally(() => file.resume());
    });
    form.on('finish', () => {
      if (!hasFile)
        reject(new S3Error('InvalidArgument', { message: 'POST requires exactly one file upload per request.' }));
    });
    form.on('error', (cause) => reject(new S3Error('MalformedPOSTRequest', { cause })));
    request.raw.on('error', reject);
    request.raw.pipe(form);
  });
}

async function put(
  request: S3Request,
  fields: Fields,
  file: Readable,
  filename: string,
  use: FormUse,
): Promise<Answer> {
  const { bucket } = request;
  const { objects, buckets } = use;
  const given = fields['key'];
  if (given === undefined || given === '')
    throw new S3Error('InvalidArgument', {
      message:
        "Bucket POST must contain a field named 'key'. If it is specified, please check the order of the fields.",
    });
  const key = checkedKey(given.replaceAll('${filename}', () => filename));
  const { verified, asker } = await allowed(request, { ...fields, bucket: bucket.name, key }, key, use);
  const { acl, tagging, ...rest } = fields;
  // As headers would have said it.
  const said = Object.fromEntries(Object.entries(rest).map(([name, value]) => [name, headerText(value)]));
  const headers = { ...said, ...(acl !== undefined && { 'x-amz-acl': acl }) };
  const { description, customerKey } = await askedObject(request, buckets, { key, headers, asker });
  const tags =
    tagging === undefined
      ? {}
      : {
          tags: checkedTags(tagsIn(parseXml(Buffer.from(tagging), { root: 'Tagging', lists: ['Tag'] }))),
        };
  const digester = askedDigester(askedChecksum(said), () => ({}));
  const row = await objects.put(bucket, { ...description, ...tags }, sized(file, verified), { digester, customerKey });
  return answer(row, fields);
}

/** Throws what the policy, or the key that has signed it, does not allow. Without a signature it is anybody's. */
async function allowed(
  request: S3Request,
  fields: Fields,
  key: string,
  { keys }: FormUse,
): Promise<{ verified: VerifiedPost; asker: Asker | undefined }> {
  const { cameAt } = request;
  const verified = verifyPostPolicy(fields, (id) => keys.secretOf(id), cameAt.wall);
  const credential =
    verified.accessKeyId === undefined
      ? undefined
      : await keys.identify(verified.accessKeyId, request.raw.socket.remoteAddress ?? '');
  const asker = credential && { credential, cameAt };
  await request.checkAlso({ ...PUTTING, key }, request.bucket, asker);
  return { verified, asker };
}

/** What is too large is not read to its end. */
async function* sized(file: AsyncIterable<Buffer>, verified: VerifiedPost): AsyncIterable<Buffer> {
  let size = 0;
  for await (const chunk of file) {
    size += chunk.length;
    if (size > LARGEST_PUT) throw new S3Error('EntityTooLarge');
    if (verified.size && size > verified.size.max) checkPostSize(verified, size);
    yield chunk;
  }
  checkPostSize(verified, size);
}

function answer(row: ObjectRow, fields: Fields): Answer {
  const { bucket, key } = row;
  const etag = quoted(row.etag);
  const redirect = fields['success_action_redirect'] ?? fields['redirect'];
  if (redirect !== undefined && URL.canParse(redirect)) {
    const url = new URL(redirect);
    for (const [name, value] of Object.entries({ bucket, key, etag })) url.searchParams.set(name, value);
    return { status: 303, headers: { location: url.href, etag } };
  }
  const location = `/${bucket}/${encodeURIComponent(key)}`;
  const headers = { etag, location, ...writtenVersion(row) };
  if (fields['success_action_status'] === '201')
    return {
      status: 201,
      headers: { ...headers, 'content-type': 'application/xml' },
      body: toXml('PostResponse', { Location: location, Bucket: bucket, Key: key, ETag: etag }),
    };
  return { status: fields['success_action_status'] === '200' ? 200 : 204, headers };
}
