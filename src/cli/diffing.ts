import pLimit from 'p-limit';
import { maskedPair } from '../api/encrypted.ts';
import { keyOf } from '../api/metadata.ts';
import type { Ref, Resource } from '../api/metadata.ts';
import { readManifests, refuse } from './applying.ts';
import { compareAll, rehearse } from './changes.ts';
import type { Comparison } from './changes.ts';
import { printable } from './io.ts';
import { nameOf, objectPath } from './objects.ts';
import { patchLines } from './patch-lines.ts';
import type { Session } from './session.ts';
import { desired, toYaml } from './yaml.ts';

export interface DiffOptions {
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

/** Plans asked for at once: each looks at the world. */
const PLANS = 8;

/** Prints what differs. @returns whether anything does. */
export async function diff(session: Session, options: DiffOptions): Promise<boolean> {
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
  if (!would) return [];
  const name = nameOf(session.kinds, manifest.ref);
  const lines = differenceLines(session, [live, would], {
    before: live ? `live/${name}` : '/dev/null',
    after: `applied/${name}`,
  });
  return lines.length === 0 ? [] : [...lines, ...(await planOf(session, manifest.ref, would))];
}

/** What differs between two versions of a document in what people write; nothing of what is secret. */
export function differenceLines(
  session: Session,
  [before, after]: readonly [Resource | undefined, Resource],
  names: { before: string; after: string },
): string[] {
  const kind = session.kinds.must(after.kind);
  const [was, is] = maskedPair(kind, [before, after]).map((side) =>
    side ? toYaml(desired(session.kinds, side)) : '',
  ) as [string, string];
  return was === is ? [] : patchLines(session, names, was, is);
}

/** What the engine would do if the object were so; as it is, when no document is given. */
export async function planOf(session: Session, ref: Ref, would?: Resource): Promise<string[]> {
  if (!session.kinds.must(ref.kind).reconciled) return [''];
  const path = objectPath(session.kinds, ref, 'plan');
  const { body } = await session.client.send<Plan>('POST', path, would ? { body: would } : {});
  return planLines(session, body);
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
