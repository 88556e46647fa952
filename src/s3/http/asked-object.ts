import type { IncomingHttpHeaders } from 'node:http';
import type { Asker, Buckets } from '../buckets.ts';
import type { CustomerKey } from '../encryption.ts';
import type { ObjectDescription } from '../objects.ts';
import { described, refuseNotOffered } from './description.ts';
import { askedEncryption } from './encryption.ts';
import type { S3Request } from './request.ts';
import { standingOf } from './standing.ts';

/** What of a request says it, and who: a form says it by its fields. */
export interface Saying {
  key?: string;
  headers?: IncomingHttpHeaders;
  asker?: Asker | undefined;
}

/** All that a request says of an object that it puts, in whatever way. Throws what S3 throws. */
export async function askedObject(
  request: S3Request,
  buckets: Buckets,
  { key = request.key, headers = request.headers, asker = request.asker }: Saying = {},
): Promise<{ description: ObjectDescription; customerKey: CustomerKey | undefined }> {
  refuseNotOffered(headers);
  const standing = await standingOf(request, buckets, headers, key, asker);
  const { customerKey, ...encryption } = askedEncryption(request, headers);
  return { description: { ...described(key, headers), ...standing, ...encryption }, customerKey };
}
