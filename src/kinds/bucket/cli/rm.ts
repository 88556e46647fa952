import { Failure } from '../../../cli/failure.ts';
import type { Session } from '../../../cli/session.ts';
import type { Filters } from './globs.ts';
import { withS3 } from './open-s3.ts';
import { folderKeyOf, s3PlaceOf, told } from './places.ts';
import type { S3Place } from './places.ts';
import type { S3 } from './sdk.ts';
import { deleteObjectJob } from './transfer/job-makers.ts';
import type { Job } from './transfer/job.ts';
import { Jobs } from './transfer/jobs.ts';

export interface RmOptions {
  recursive?: boolean;
  dryRun?: boolean;
}

/** `miniaws s3 rm`. Where the bucket keeps versions, they stay. */
export async function rm(session: Session, where: string, options: RmOptions & { filters: Filters }): Promise<void> {
  const place = s3PlaceOf(where);
  if (!options.recursive && place.key === '')
    throw new Failure(`${told(place)} names no object: add --recursive for all that are in it`);
  await withS3(session, async (s3) => {
    const jobs = new Jobs(session, options);
    await jobs.run(options.recursive ? allIn(s3, place, options.filters) : only(deleteObjectJob(s3, place)));
  });
}

async function* allIn(s3: S3, place: S3Place, filters: Filters): AsyncGenerator<Job> {
  const prefix = folderKeyOf(place);
  for await (const found of s3.list({ ...place, key: prefix }))
    if ('key' in found && filters.has(found.key.slice(prefix.length)))
      yield deleteObjectJob(s3, { ...place, key: found.key });
}

async function* only(job: Job): AsyncGenerator<Job> {
  yield job;
}
