import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Failure } from '../../../cli/failure.ts';
import type { Session } from '../../../cli/session.ts';
import { descriptionIn } from './describing.ts';
import type { DescriptionFlags } from './describing.ts';
import type { Filters } from './globs.ts';
import { filesUnder } from './local-tree.ts';
import { objectsUnder } from './objects-under.ts';
import { withS3 } from './open-s3.ts';
import { folderKeyOf, keyIn, placeOf, told } from './places.ts';
import type { FilePlace, S3Place } from './places.ts';
import type { S3 } from './sdk.ts';
import type { StoredObject } from './stored.ts';
import { paired, planOf } from './sync-plan.ts';
import type { Side, SyncRules } from './sync-plan.ts';
import { copyJob, deleteFileJob, deleteObjectJob, downloadJob, uploadJob } from './transfer/job-makers.ts';
import type { Carrying } from './transfer/job-makers.ts';
import type { Job } from './transfer/job.ts';
import { Jobs } from './transfer/jobs.ts';

export interface SyncOptions extends DescriptionFlags, SyncRules {
  dryRun?: boolean;
}

type Folder = FilePlace | S3Place;
type Found = Side & ({ path: string } | { object: StoredObject });

/** `miniaws s3 sync`. */
export async function sync(
  session: Session,
  [source, target]: [string, string],
  options: SyncOptions & { filters: Filters },
): Promise<void> {
  const [from, to] = [placeOf(source), placeOf(target)];
  if (from.at === 'stream' || to.at === 'stream') throw new Failure('the standard input and output are no folders');
  if (from.at === 'file' && to.at === 'file')
    throw new Failure(`neither ${source} nor ${target} is in S3: one of them begins with s3://`);
  if (from.at === 's3' && to.at === 's3') refuseOverlap(from, to);
  await withS3(session, async (s3) => {
    const jobs = new Jobs(session, options);
    const carrying: Carrying = { s3, description: descriptionIn(options), isMove: false };
    if (to.at === 'file' && !options.dryRun) await mkdir(to.path, { recursive: true });
    await jobs.run(jobsOf(carrying, from, to, options, jobs));
  });
}

/** A copy into the source would be copied again, and --delete in a folder around the source would delete the source. */
function refuseOverlap(from: S3Place, to: S3Place): void {
  const [source, target] = [folderKeyOf(from), folderKeyOf(to)];
  if (from.bucket === to.bucket && (source.startsWith(target) || target.startsWith(source)))
    throw new Failure(`${told(from)} and ${told(to)} overlap`);
}

async function* jobsOf(
  carrying: Carrying,
  from: Folder,
  to: Folder,
  options: SyncOptions & { filters: Filters },
  jobs: Jobs,
): AsyncGenerator<Job> {
  /** Names at the source that could not be read: what the target has under them is not deleted. */
  const unread: string[] = [];
  const skip = (place: Folder) => (name: string, why: string) => {
    unread.push(name);
    if (place.at === 'file' && options.filters.has(name)) jobs.skip({ at: 'file', path: join(place.path, name) }, why);
  };
  const isRead = (name: string) => !unread.some((each) => name === each || name.startsWith(`${each}/`) || each === '');
  const [sources, targets] = [
    foundIn(carrying.s3, from, options.filters, skip(from)),
    foundIn(carrying.s3, to, options.filters, skip(to), options.dryRun),
  ];
  for await (const pair of paired(sources, targets)) {
    const what = planOf(pair, options, to.at === 'file');
    if (what === 'carry' && pair.source) yield carry(carrying, from, to, pair.source);
    if (what === 'delete' && pair.target && isRead(pair.target.name)) yield removal(carrying.s3, to, pair.target);
  }
}

/** `mayBeMissing`: a missing folder counts as empty. */
async function* foundIn(
  s3: S3,
  place: Folder,
  filters: Filters,
  onSkipped: (name: string, why: string) => void,
  mayBeMissing = false,
): AsyncGenerator<Found> {
  if (place.at === 'file') {
    for await (const file of filesUnder(place.path, onSkipped, mayBeMissing)) if (filters.has(file.name)) yield file;
    return;
  }
  for await (const { rest, object } of objectsUnder(s3, place)) {
    const { sizeBytes, modifiedAt } = object;
    if (filters.has(rest)) yield { name: rest, sizeBytes, modifiedAt, object };
  }
}

function carry(carrying: Carrying, from: Folder, to: Folder, found: Found): Job {
  if ('path' in found && to.at === 's3') return uploadJob(carrying, found, keyIn(to, found.name));
  if ('path' in found || from.at === 'file') throw new Error('one side is in S3');
  const source: S3Place = { ...from, key: found.object.key };
  return to.at === 's3'
    ? copyJob(carrying, source, found.object, keyIn(to, found.name))
    : downloadJob(carrying, source, found.object, { folder: to.path, rest: found.name });
}

const removal = (s3: S3, to: Folder, { name }: Side): Job =>
  to.at === 's3' ? deleteObjectJob(s3, keyIn(to, name)) : deleteFileJob(to.path, join(to.path, name));
