import type { Command } from 'commander';
import pLimit from 'p-limit';
import { keyOf } from '../../api/metadata.ts';
import type { Resource } from '../../api/metadata.ts';
import { compareAll, rehearse } from '../changes.ts';
import type { Comparison } from '../changes.ts';
import { exitCodeOf, Failure, tell } from '../failure.ts';
import { collectFlag } from '../flags.ts';
import { printable } from '../io.ts';
import { nameOf, objectPath } from '../objects.ts';
import type { ClientSetup, Session } from '../session.ts';
import { task } from '../session.ts';
import { patchLines } from '../patch-lines.ts';
import { desired, toYaml } from '../yaml.ts';
import { FIELD_MANAGER, readManifests, refuse } from './apply.ts';

interface DiffOptions {
  filename: string[];
  recursive?: boolean;
  forceConflicts?: boolean;
  fieldManager: string;
}

/** What the engine would do, in its own words. `note`: why it cannot be told. */
interface Plan {
  steps: { do: string; step: string; why: string }[];
  note?: string;
}

/** As diff(1): 0 no difference, 1 differences, more than 1 an error. */
const DIFFERENT = 1;
const TROUBLE = 2;
/** Plans asked for at once: each looks at the world. */
const PLANS = 8;

export function addDiff(program: Command, setup: ClientSetup): void {
  program
    .command('diff')
    .description(
      'show what apply would change, and what the engine would do about it (exit status 1: it would change something)',
    )
    .requiredOption(
      '-f, --filename <path>',
      'file, folder, URL, or - for the standard input; may be repeated',
      collectFlag,
    )
    .option('-R, --recursive', 'read folders inside folders')
    .option('--force-conflicts', 'as apply with the same flag would')
    .option('--field-manager <name>', 'who applies', FIELD_MANAGER)
    .action(
      task<[], DiffOptions>(setup, async (session, _, options) => {
        const changed = await diff(session, options).catch((error: unknown) => {
          throw new Failure(tell(error), Math.max(TROUBLE, exitCodeOf(error)));
        });
        if (changed) throw new Failure('', DIFFERENT);
      }),
    );
}

async function diff(session: Session, options: DiffOptions): Promise<boolean> {
  const { client } = session;
  const manifests = await readManifests(session, options.filename, options.recursive === true);
  const apply = { fieldManager: options.fieldManager, force: options.forceConflicts === true };
  const changes = (await compareAll(client, manifests, apply)).filter((c) => !c.unchanged);
  const { would, problems } = await rehearse(client, changes, apply);
  refuse(session, problems);
  const limit = pLimit(PLANS);
  const shown = changes.map((change) =>
    limit(() => describeChange(session, change, would.get(keyOf(change.manifest.ref)))),
  );
  let different = false;
  for (const lines of shown) {
    for (const line of await lines) {
      different = true;
      session.print(line);
    }
  }
  return different;
}

async function describeChange(
  session: Session,
  { manifest, live }: Comparison,
  would: Resource | undefined,
): Promise<string[]> {
  const before = live ? toYaml(desired(session.kinds, live)) : '';
  const after = would ? toYaml(desired(session.kinds, would)) : '';
  if (before === after || !would) return [];
  const name = nameOf(session.kinds, manifest.ref);
  const names = { before: before ? `live/${name}` : '/dev/null', after: `applied/${name}` };
  const { body: plan } = await session.client.send<Plan>('POST', objectPath(session.kinds, manifest.ref, 'plan'), {
    body: would,
  });
  return [...patchLines(session, names, before, after), ...planLines(session, plan)];
}

function planLines({ colors }: Session, { steps, note }: Plan): string[] {
  if (note !== undefined) return [`plan: none can be told now: ${printable(note)}`, ''];
  if (steps.length === 0) return ['plan: nothing to do on the Engine', ''];
  return [
    colors.bold('plan:'),
    ...steps.map(({ step, why }) => `  ${printable(step)}${why ? colors.dim(`  (${printable(why)})`) : ''}`),
    '',
  ];
}
