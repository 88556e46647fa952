import type { S3Client } from '@aws-sdk/client-s3';
import { startDaemon } from './daemon.ts';
import type { TestDaemon } from './daemon.ts';
import { s3Client, s3Of } from './s3.ts';

interface S3Daemon {
  daemon: TestDaemon;
  s3: S3Client;
  stop: () => Promise<void>;
}

/** A daemon, and a client that has its first key. */
export async function startS3(): Promise<S3Daemon> {
  const daemon = await startDaemon({ engine: 'simulated' });
  const s3 = s3Client(await s3Of(daemon));
  const stop = async () => {
    s3.destroy();
    await daemon.stop();
  };
  return { daemon, s3, stop };
}
