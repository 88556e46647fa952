import type { Command } from 'commander';
import type { Ref } from '../../../api/metadata.ts';
import { Failure } from '../../../cli/failure.ts';
import { booleanFlag, countFlag, durationFlag } from '../../../cli/flags.ts';
import { groupRefOf } from './groups.ts';
import { mergeObject, nameOf } from '../../../cli/objects.ts';
import type { ClientSetup, Session } from '../../../cli/session.ts';
import { task } from '../../../cli/session.ts';
import { judgeReady } from '../../../cli/wait-for.ts';
import { waitOrFail } from '../../../cli/waiting.ts';

interface ScaleOptions {
  replicas?: number;
  for?: number;
  wait?: boolean;
  timeout: number;
}

/** Owns the count, or the pin: an apply that does not send it leaves it alone. */
const MANAGER = 'miniaws-scale';

export function addScale(program: Command, setup: ClientSetup): void {
  program
    .command('scale')
    .argument('<group>', 'NAME or scalinggroup/NAME')
    .argument('[count]', 'how many instances', countFlag)
    .description('set how many instances a scaling group has')
    .option('--replicas <count>', 'how many instances, as kubectl says it', countFlag)
    .option('--for <time>', 'only for so long (2h, 30m): whatever else would scale the group waits', durationFlag)
    .option('--wait [yes]', 'wait until they are available', booleanFlag)
    .option('--timeout <time>', 'how long to wait at most; 0: for ever', durationFlag, 300_000)
    .action(
      task<[string, number | undefined], ScaleOptions>(setup, (session, [word, count], options) =>
        scale(session, groupRefOf(session.kinds, word, session.namespace), count ?? options.replicas, options),
      ),
    );
}

async function scale(session: Session, ref: Ref, count: number | undefined, options: ScaleOptions): Promise<void> {
  if (count === undefined) throw new Failure(`say how many: miniaws scale ${ref.name} COUNT`);
  const pin = pinOf(count, options.for);
  // A count without an end is the word of the last person who spoke: it ends a pin, too.
  await mergeObject(session.client, ref, { spec: pin ? { pin } : { desiredCount: count, pin: null } }, MANAGER);
  session.print(`${nameOf(session.kinds, ref)} scaled to ${count}${pin ? ` until ${pin.until}` : ''}`);
  if (options.wait) await waitOrFail(session, [ref], judgeReady, { timeoutMs: options.timeout, what: 'ready' });
}

function pinOf(count: number, forMs: number | undefined): { desiredCount: number; until: string } | undefined {
  if (forMs === undefined) return undefined;
  if (forMs === 0) throw new Failure('--for: give a time longer than 0');
  return { desiredCount: count, until: new Date(Date.now() + forMs).toISOString() };
}
