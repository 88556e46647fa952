import type { Session } from '../../../cli/session.ts';
import { credentialsOf } from './connect.ts';
import { S3 } from './sdk.ts';

/** Runs with S3 as the key of this command may use it. */
export async function withS3(session: Session, run: (s3: S3) => Promise<void>): Promise<void> {
  const { client, options, signal } = session;
  const trust = client.trust();
  const s3 = new S3({
    ...(await credentialsOf(session)),
    trust,
    requestTimeoutMs: options.requestTimeout ?? 0,
    signal,
  });
  try {
    await run(s3);
  } finally {
    s3.close();
  }
}
