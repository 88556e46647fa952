import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { buffer } from 'node:stream/consumers';
import { headerText, isStorable } from './texts.ts';
import { mayAccess } from '../access.ts';
import type { Authorizer, Wanted } from '../authorization/authorizer.ts';
import type { Asker, S3Bucket } from '../buckets.ts';
import { askedChecksum, checkDigests, digestsToCheck } from '../wire/asked-checksum.ts';
import { RequestBody } from '../wire/body.ts';
import { Digests } from '../wire/checksums.ts';
import { S3Error } from '../wire/errors.ts';
import { policyValues } from './policy-values.ts';
import { decodedQuery, decodedText, requestTarget } from '../wire/request-target.ts';
import type { Verified } from '../wire/signature.ts';

/** Of a key, in UTF-8. */
const LONGEST_KEY = 1_024;
/** Of a body that is read whole. */
const LARGEST_DOCUMENT = 2 << 20;

/** What a request is about, by its path, or by its host and path. */
export interface Addressed {
  bucket: string;
  key: string;
  query: ReadonlyMap<string, string>;
}

/** `bucket.DOMAIN/key` or `host/bucket/key`. Throws InvalidURI, and KeyTooLongError. */
export function addressed(rawUrl: string, host: string, domain: string): Addressed {
  const target = requestTarget(rawUrl);
  const query = decodedQuery(target.query);
  const name = host.replace(/:\d{1,5}$/, '').toLowerCase();
  const path = target.path.slice(1);
  const isVirtual = name.endsWith(`.${domain}`);
  const slash = path.indexOf('/');
  const bucket = isVirtual ? name.slice(0, -domain.length - 1) : slash < 0 ? path : path.slice(0, slash);
  const key = isVirtual ? path : slash < 0 ? '' : path.slice(slash + 1);
  return { bucket: isVirtual ? bucket : decodedText(bucket), key: checkedKey(decodedText(key)), query };
}

/** Throws for what is no key: PostgreSQL has no NUL and no half of a character, and S3 has no longer one. */
export function checkedKey(key: string): string {
  if (!isStorable(key)) throw new S3Error('InvalidURI', { message: 'A key has no NUL, and no half of a character.' });
  const size = Buffer.byteLength(key);
  if (size > LONGEST_KEY)
    throw new S3Error('KeyTooLongError', { extra: { Size: String(size), MaxSizeAllowed: String(LONGEST_KEY) } });
  return key;
}

/** A request that was let in. */
export class S3Request {
  readonly raw: IncomingMessage;
  /** With what a presigned URL says in place of some. */
  readonly headers: IncomingHttpHeaders;
  readonly bucketName: string;
  readonly key: string;
  readonly query: ReadonlyMap<string, string>;
  readonly verified: Verified;
  /** `undefined`: nobody has signed it. */
  readonly asker: Asker | undefined;
  readonly cameAt: Asker['cameAt'];
  /** Of the answer, where it is a refusal. */
  readonly refusalHeaders: Record<string, string> = {};
  /** There, where the operation is about one. */
  readonly #bucket: S3Bucket | undefined;
  readonly #authorizer: Authorizer;

  constructor(
    raw: IncomingMessage,
    { bucket, key, query }: Addressed,
    verified: Verified,
    { asker, cameAt }: { asker: Asker | undefined; cameAt: Asker['cameAt'] },
    found: S3Bucket | undefined,
    authorizer: Authorizer,
  ) {
    this.raw = raw;
    const hoisted = Object.entries(verified.hoistedHeaders).map(([name, value]) => [name, headerText(value)]);
    this.headers = { ...raw.headers, ...Object.fromEntries(hoisted) };
    this.bucketName = bucket;
    this.key = key;
    this.query = query;
    this.verified = verified;
    this.asker = asker;
    this.cameAt = cameAt;
    this.#bucket = found;
    this.#authorizer = authorizer;
  }

  get bucket(): S3Bucket {
    if (!this.#bucket) throw new S3Error('NoSuchBucket', { extra: { BucketName: this.bucketName } });
    return this.#bucket;
  }

  /** Who asks, of what nobody does without a key. */
  get author(): Asker {
    if (!this.asker) throw new S3Error('AccessDenied');
    return this.asker;
  }

  /** Throws AccessDenied where who asks may not do this, such as read the source of a copy. */
  checkAlso(
    wanted: Omit<Wanted, 'values'>,
    bucket: S3Bucket = this.bucket,
    asker: Asker | undefined = this.asker,
  ): Promise<void> {
    const action = wanted.versionId === undefined ? wanted.action : versioned(wanted.action);
    return this.#authorizer.check(asker, bucket, { ...wanted, action, values: (key) => policyValues(this, key) });
  }

  sees(bucket: S3Bucket): boolean {
    return mayAccess(this.asker?.credential.access, { verb: 'get', of: 'buckets' }, bucket, '');
  }

  /** The one value of a header. */
  header(name: string): string | undefined {
    const value = this.headers[name];
    return Array.isArray(value) ? value[0] : value;
  }

  /** The content of the body, as it comes. */
  body(): RequestBody {
    return new RequestBody(this.raw.iterator({ destroyOnReturn: false }), this.verified.payload, this.raw.headers);
  }

  /** All of the content: of a document, which is small. Checksums that the request has may be those of an object. Throws BadDigest where it is not what the request says. */
  async document({ isOfObject = false } = {}): Promise<Buffer> {
    const body = this.body();
    if ((body.length ?? 0) > LARGEST_DOCUMENT) throw new S3Error('MaxMessageLengthExceeded');
    const asked = askedChecksum(isOfObject ? withoutChecksums(this.raw.headers) : this.raw.headers);
    const content = await buffer(limited(body, LARGEST_DOCUMENT));
    checkDigests(asked, new Digests(digestsToCheck(asked)).update(content), body.trailers);
    return content;
  }
}

const withoutChecksums = (headers: IncomingHttpHeaders): IncomingHttpHeaders =>
  Object.fromEntries(Object.entries(headers).filter(([name]) => !name.startsWith('x-amz-checksum-')));

/** What is done with one version has a name of its own. */
const versioned = (action: string): string =>
  action.replace(/^s3:(Get|Put|Delete)Object(?=$|Acl|Tagging)/, 's3:$1ObjectVersion');

async function* limited(body: AsyncIterable<Buffer>, most: number): AsyncIterable<Buffer> {
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > most) throw new S3Error('MaxMessageLengthExceeded');
    yield chunk;
  }
}
