import type { Config } from '../base/config.ts';
import type { Certificates } from '../host/certificates.ts';
import type { ApiContext } from '../http/context.ts';
import type { KindRuntime } from '../kinds/shared/kind-module.ts';
import type { S3Keys, S3Service } from '../s3/buckets.ts';
import { startedAt } from './listening.ts';
import { startS3Server } from '../s3/http/server.ts';
import type { S3Traffic } from '../s3/http/traffic.ts';
import type { S3Server } from '../s3/http/server.ts';

/** Where S3's clients look by themselves when nothing is said: MinIO's port. */
const DEFAULT_LISTEN = { host: '127.0.0.1', port: 9000 };

export interface S3Parts {
  service: S3Service;
  keys: S3Keys;
}

/** What kinds bring for S3's clients. */
export function s3PartsOf(runtimes: Iterable<KindRuntime>, context: ApiContext): S3Parts {
  const parts = [...runtimes].map((runtime) => runtime.s3?.(context) ?? {});
  const service = parts.flatMap((part) => part.service ?? [])[0];
  const keys = parts.flatMap((part) => part.keys ?? [])[0];
  if (!service || !keys)
    throw new Error('no kind has buckets, or none has keys: there is nothing to serve to S3 clients');
  return { service, keys };
}

export function startS3(
  config: Config,
  { service, keys }: S3Parts,
  context: ApiContext,
  certificates: Certificates,
  traffic: S3Traffic,
): Promise<S3Server> {
  const { clock, log } = context;
  const tls = config.s3Tls === 'yes' ? certificates : undefined;
  const wanted = { given: config.s3Listen, usual: DEFAULT_LISTEN, what: " of S3's API", flag: '--s3-listen' };
  return startedAt(wanted, log, (listen) =>
    startS3Server({ service, keys, listen, domain: config.s3Domain, tls, clock, log, traffic }),
  );
}
