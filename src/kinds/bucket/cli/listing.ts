import { Failure } from '../../../cli/failure.ts';
import { printable } from '../../../cli/io.ts';
import type { Session } from '../../../cli/session.ts';
import { withS3 } from './open-s3.ts';
import { s3PlaceOf, told } from './places.ts';
import type { S3Place } from './places.ts';
import type { S3 } from './sdk.ts';

export interface LsOptions {
  recursive?: boolean;
  humanReadable?: boolean;
  summarize?: boolean;
}

/** Widths of awscli's columns. */
const [SIZE_WIDTH, PREFIX_WIDTH] = [10, 30];

/** `miniaws s3 ls`: the lines are awscli's. */
export async function ls(session: Session, where: string | undefined, options: LsOptions): Promise<void> {
  await withS3(session, async (s3) => {
    if (where === undefined || where === 's3://') {
      for (const { name, createdAt } of await s3.buckets()) session.print(`${localTime(createdAt)} ${name}`);
      return;
    }
    await listIn(session, s3, s3PlaceOf(where), options);
  });
}

async function listIn(
  session: Session,
  s3: S3,
  place: S3Place,
  { recursive, humanReadable, summarize }: LsOptions,
): Promise<void> {
  const total = { objects: 0, bytes: 0 };
  let lines = 0;
  const folder = place.key.slice(0, place.key.lastIndexOf('/') + 1);
  for await (const found of s3.list(place, recursive ? undefined : '/')) {
    if (session.signal.aborted) return;
    lines++;
    if ('prefix' in found) {
      session.print(`${'PRE'.padStart(PREFIX_WIDTH)} ${printable(found.prefix.slice(folder.length))}`);
      continue;
    }
    total.objects++;
    total.bytes += found.sizeBytes;
    const size = sizeText(found.sizeBytes, humanReadable).padStart(SIZE_WIDTH);
    const name = recursive ? found.key : found.key.slice(folder.length);
    session.print(`${localTime(found.modifiedAt)} ${size} ${printable(name)}`);
  }
  if (summarize)
    session.print(`\nTotal Objects: ${total.objects}\n   Total Size: ${sizeText(total.bytes, humanReadable)}`);
  else if (lines === 0 && place.key !== '') throw new Failure(`there is nothing at ${told(place)}`);
}

export interface DuOptions {
  versions?: boolean;
  humanReadable?: boolean;
}

/** `miniaws s3 du`: bytes and objects of each. */
export async function du(session: Session, where: string | undefined, options: DuOptions): Promise<void> {
  await withS3(session, async (s3) => {
    const places =
      where === undefined || where === 's3://'
        ? (await s3.buckets()).map(({ name }): S3Place => ({ at: 's3', bucket: name, key: '' }))
        : [s3PlaceOf(where)];
    for (const place of places) {
      const { objects, bytes } = await useOf(s3, place, options);
      if (session.signal.aborted) return;
      const size = sizeText(bytes, options.humanReadable).padStart(SIZE_WIDTH + 4);
      session.print(`${size} ${String(objects).padStart(8)} objects ${told(place)}`);
    }
  });
}

async function useOf(s3: S3, place: S3Place, { versions }: DuOptions): Promise<{ objects: number; bytes: number }> {
  const use = { objects: 0, bytes: 0 };
  for await (const found of versions ? s3.versions(place) : s3.list(place)) {
    if ('prefix' in found || ('isDeleteMarker' in found && found.isDeleteMarker)) continue;
    use.objects++;
    use.bytes += found.sizeBytes;
  }
  return use;
}

/** `2026-11-29 10:33:06`, of the machine's own time zone. */
function localTime(at: Date): string {
  const two = (n: number) => String(n).padStart(2, '0');
  const day = [at.getFullYear(), two(at.getMonth() + 1), two(at.getDate())].join('-');
  return `${day} ${[at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join(':')}`;
}

function sizeText(bytes: number, isForPeople = false): string {
  if (!isForPeople) return String(bytes);
  const units = ['KiB', 'MiB', 'GiB', 'TiB', 'PiB'];
  if (bytes < 1024) return bytes === 1 ? '1 Byte' : `${bytes} Bytes`;
  let [value, unit] = [bytes / 1024, 0];
  // As awscli rounds: 1023.95 KiB is 1.0 MiB.
  while (Math.round(value * 10) / 10 >= 1024 && unit < units.length - 1) [value, unit] = [value / 1024, unit + 1];
  return `${value.toFixed(1)} ${units[unit]}`;
}
