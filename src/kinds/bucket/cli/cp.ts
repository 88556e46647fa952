import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { Failure } from '../../../cli/failure.ts';
import type { Session } from '../../../cli/session.ts';
import { descriptionIn } from './describing.ts';
import type { DescriptionFlags } from './describing.ts';
import type { Filters } from './globs.ts';
import { filesUnder, lookAt } from './local-tree.ts';
import { objectsUnder } from './objects-under.ts';
import { withS3 } from './open-s3.ts';
import { folderKeyOf, keyIn, lastNameOf, placeOf, told } from './places.ts';
import type { FilePlace, Place, S3Place } from './places.ts';
import type { S3 } from './sdk.ts';
import { copyJob, downloadJob, uploadJob } from './transfer/job-makers.ts';
import type { Carrying } from './transfer/job-makers.ts';
import type { Job } from './transfer/job.ts';
import { Jobs } from './transfer/jobs.ts';

export interface CpOptions extends DescriptionFlags {
  recursive?: boolean;
  dryRun?: boolean;
}

interface Asked extends CpOptions {
  filters: Filters;
  isMove: boolean;
}

/** `miniaws s3 cp` and `mv`. */
export async function cp(session: Session, [source, target]: [string, string], asked: Asked): Promise<void> {
  const [from, to] = [placeOf(source), placeOf(target)];
  const description = descriptionIn(asked);
  await withS3(session, async (s3) => {
    if (from.at === 'stream' || to.at === 'stream') return stream(session, s3, [from, to], asked);
    if (from.at === 'file' && to.at === 'file')
      throw new Failure(`neither ${source} nor ${target} is in S3: one of them begins with s3://`);
    const jobs = new Jobs(session, asked);
    const carrying: Carrying = { s3, description, isMove: asked.isMove };
    if (from.at === 's3' && to.at === 's3') refuseInside(from, to, asked);
    await jobs.run(asked.recursive ? many(carrying, from, to, asked.filters, jobs) : one(carrying, from, to));
  });
}

/** A copy into a folder of its own source would copy its copies. A move onto itself would delete the object. */
function refuseInside(from: S3Place, to: S3Place, { recursive, isMove }: CpOptions & { isMove: boolean }): void {
  if (from.bucket !== to.bucket) return;
  const [source, target] = recursive
    ? [folderKeyOf(from), folderKeyOf(to)]
    : [from.key, targetKey(to, lastNameOf(from))];
  if (isMove && source === target) throw new Failure(`${told(from)} cannot be moved onto itself`);
  if (recursive && source !== target && target.startsWith(source))
    throw new Failure(`${told(to)} is inside of ${told(from)}`);
}

async function stream(session: Session, s3: S3, [from, to]: [Place, Place], asked: Asked): Promise<void> {
  if (asked.isMove) throw new Failure('the standard input and output cannot be moved: use cp');
  if (asked.recursive) throw new Failure('the standard input and output are one file: leave --recursive out');
  if (from.at === 'stream' && to.at === 's3') {
    if (to.key === '' || to.key.endsWith('/')) throw new Failure(`${told(to)} names no key for the standard input`);
    if (asked.dryRun) return;
    const { stdin } = session.io;
    // The process does not end while its standard input is open.
    await s3.putStream(to, stdin, descriptionIn(asked)).finally(() => stdin.destroy());
  } else if (from.at === 's3' && to.at === 'stream') {
    const { body } = await s3.get(from);
    await pipeline(body, session.io.stdout, { end: false, signal: session.signal });
  } else throw new Failure('of the standard input or output, the other side is s3://BUCKET/KEY');
}

async function* one(carrying: Carrying, from: FilePlace | S3Place, to: FilePlace | S3Place): AsyncGenerator<Job> {
  if (from.at === 'file') {
    const found = await lookAt(from.path);
    if (!found) throw new Failure(`there is no file ${from.path}`);
    if (found.isDirectory()) throw new Failure(`${from.path} is a folder: add --recursive`);
    if (!found.isFile())
      throw new Failure(`${from.path} is no file: what can be read from it is put by cp - ${told(to)}`);
    if (to.at === 's3') yield uploadJob(carrying, { path: from.path, sizeBytes: found.size }, keyed(to, from));
    return;
  }
  if (from.key === '' || from.key.endsWith('/'))
    throw new Failure(`${told(from)} names no object: add --recursive for all that are in it`);
  const object = await carrying.s3.head(from);
  if (to.at === 's3') return yield copyJob(carrying, from, object, keyed(to, from));
  const isFolder = to.path.endsWith('/') || (await lookAt(to.path))?.isDirectory() === true;
  yield downloadJob(carrying, from, object, isFolder ? { folder: to.path, rest: lastNameOf(from) } : to);
}

/** A target that ends with a slash takes the source's own name. */
const keyed = (to: S3Place, from: FilePlace | S3Place): S3Place => ({ ...to, key: targetKey(to, lastNameOf(from)) });

const targetKey = ({ key }: S3Place, name: string): string => (key === '' || key.endsWith('/') ? `${key}${name}` : key);

async function* many(
  carrying: Carrying,
  from: FilePlace | S3Place,
  to: FilePlace | S3Place,
  filters: Filters,
  jobs: Jobs,
): AsyncGenerator<Job> {
  if (from.at === 'file') {
    const skip = (name: string, why: string) => {
      if (filters.has(name)) jobs.skip({ at: 'file', path: join(from.path, name) }, why);
    };
    for await (const file of filesUnder(from.path, skip))
      if (filters.has(file.name) && to.at === 's3') yield uploadJob(carrying, file, keyIn(to, file.name));
    return;
  }
  for await (const { rest, object } of objectsUnder(carrying.s3, from)) {
    if (!filters.has(rest)) continue;
    const source: S3Place = { ...from, key: object.key };
    yield to.at === 's3'
      ? copyJob(carrying, source, object, keyIn(to, rest))
      : downloadJob(carrying, source, object, { folder: to.path, rest });
  }
}
