import type { Session } from '../../../cli/session.ts';
import { withS3 } from './open-s3.ts';
import { bucketOf } from './places.ts';
import type { S3Place } from './places.ts';
import type { S3 } from './sdk.ts';
import { deleteObjectJob } from './transfer/job-makers.ts';
import type { Job } from './transfer/job.ts';
import { Jobs } from './transfer/jobs.ts';

/** `miniaws s3 mb`. */
export async function mb(session: Session, where: string): Promise<void> {
  const bucket = bucketOf(where);
  await withS3(session, (s3) => s3.makeBucket(bucket));
  session.print(`make_bucket: ${bucket}`);
}

/** `miniaws s3 rb`. */
export async function rb(session: Session, where: string, { force }: { force?: boolean }): Promise<void> {
  const bucket = bucketOf(where);
  await withS3(session, async (s3) => {
    if (force) await new Jobs(session, {}).run(allVersions(s3, { at: 's3', bucket, key: '' }));
    if (!session.signal.aborted) await s3.removeBucket(bucket);
  });
  if (!session.signal.aborted) session.print(`remove_bucket: ${bucket}`);
}

async function* allVersions(s3: S3, place: S3Place): AsyncGenerator<Job> {
  for await (const { key, versionId } of s3.versions(place)) yield deleteObjectJob(s3, { ...place, key }, versionId);
}
