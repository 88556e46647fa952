import { refOf } from '../../../api/metadata.ts';
import type { Ref } from '../../../api/metadata.ts';
import { formatBytes } from '../../../base/quantity.ts';
import { Failure, Unreachable } from '../../../cli/failure.ts';
import { eventLines } from '../../../cli/follow.ts';
import { printable } from '../../../cli/io.ts';
import { listObjects, objectPath } from '../../../cli/objects.ts';
import { createProgress, isTerminal } from '../../../cli/progress.ts';
import type { Session } from '../../../cli/session.ts';
import type { CheckEvent, CheckProgress, DamagedVersion } from '../check-event.ts';
import { bucketKind } from '../definition.ts';
import { bucketOf } from './places.ts';

/** How long the daemon may say nothing. It says how far it is every half second, if the disk is not too slow for that. */
const IDLE_MS = 60_000;

/** `miniaws s3 check`. */
export async function check(session: Session, words: readonly string[]): Promise<void> {
  let damaged = 0;
  for (const ref of await bucketsOf(session, words.map(bucketOf))) {
    const found = await checkOne(session, ref);
    if (!found) return;
    damaged += found.damaged;
    const all = `${found.objects} ${found.objects === 1 ? 'object' : 'objects'}, ${formatBytes(found.bytes)}`;
    session.print(`s3://${ref.name}: ${all}: ${found.damaged === 0 ? 'as put' : `${found.damaged} damaged`}`);
  }
  if (damaged > 0)
    throw new Failure(
      `${damaged} damaged: put ${damaged === 1 ? 'it' : 'them'} again, or bring the bytes back from a backup of the objects' folder`,
    );
}

/** Names of buckets are unique in all namespaces. */
async function bucketsOf({ client, kinds }: Session, names: readonly string[]): Promise<Ref[]> {
  const { items } = await listObjects(client, kinds.must(bucketKind.kind), undefined);
  const refs = items.map(refOf);
  if (names.length === 0) return refs;
  return names.map((name) => {
    const ref = refs.find((each) => each.name === name);
    if (!ref) throw new Failure(`there is no bucket ${name} that this key may see`);
    return ref;
  });
}

/** `undefined`: Ctrl-C has ended it. */
async function checkOne(session: Session, ref: Ref): Promise<CheckProgress | undefined> {
  const { client, kinds, signal, io } = session;
  const progress = isTerminal(io) ? createProgress(io, kinds) : undefined;
  try {
    for await (const event of eventLines<CheckEvent>(client, objectPath(kinds, ref, 'check'), {
      signal,
      idleMs: IDLE_MS,
    })) {
      if (event.type === 'DAMAGED') {
        progress?.done();
        session.print(damageLine(ref, event.object));
      } else if (event.type === 'END') return event.object;
      else progress?.note(howFar(ref, event.object));
    }
  } catch (error) {
    if (signal.aborted) return undefined;
    throw error;
  } finally {
    progress?.done();
  }
  throw new Unreachable(`the check of s3://${ref.name} was broken off: run it again`);
}

const howFar = ({ name }: Ref, { objects, bytes, damaged }: CheckProgress): string =>
  `s3://${name}: ${objects} objects, ${formatBytes(bytes)} read${damaged > 0 ? `, ${damaged} damaged` : ''}`;

function damageLine({ name }: Ref, { key, versionId, isLatest, what }: DamagedVersion): string {
  const version =
    versionId === 'null' && isLatest ? '' : ` (version ${versionId}${isLatest ? '' : ', not the newest'})`;
  return `damaged: ${printable(`s3://${name}/${key}`)}${version}: ${printable(what)}`;
}
