import { refOf } from '../../../api/metadata.ts';
import type { Ref } from '../../../api/metadata.ts';
import { refIn } from '../../../api/kind.ts';
import type { KindDefinition } from '../../../api/kind.ts';
import { Failure } from '../../../cli/failure.ts';
import { getObject, listObjects } from '../../../cli/objects.ts';
import type { Session } from '../../../cli/session.ts';
import { targetsOf } from '../../../cli/targets.ts';
import type { Target } from '../../../cli/targets.ts';

const INSTANCE = 'Instance';

/** `NAME`, `instance/NAME` or `instance NAME`: which instance is meant. */
export function instanceOf({ kinds, namespace }: Session, words: readonly string[]): Ref {
  const [first = '', second, more] = words;
  const [target] =
    first.includes('/') || second !== undefined
      ? targetsOf(kinds, words)
      : [{ kind: kinds.must(INSTANCE), names: [first] }];
  const [name] = target?.names ?? [];
  if (!target || name === undefined || more !== undefined) throw new Failure('name exactly one instance');
  if (target.kind.kind !== INSTANCE) throw notOne(target, name);
  return refIn(target.kind, namespace, name);
}

/** Instances that are found by their labels; others may come to be among them. */
export interface Selection {
  labelSelector: string;
  /** Whose they are. */
  of?: Ref;
}

/** Instances by name, those of what counts instances (`scalinggroup/web`), and those that a selector finds. */
export async function chosen(
  session: Session,
  words: readonly string[],
  labelSelector: string | undefined,
): Promise<{ refs: readonly Ref[]; selections: readonly Selection[] }> {
  if (words.length > 0 === (labelSelector !== undefined))
    throw new Failure('name instances, instance/NAME or scalinggroup/NAME, or give -l LABELS');
  if (labelSelector !== undefined) return { refs: [], selections: [{ labelSelector }] };
  const targets = targetsIn(session, words).flatMap(({ kind, names = [] }) =>
    names.map((name) => ({ kind, ref: refIn(kind, session.namespace, name) })),
  );
  const selections = targets.filter(({ kind }) => kind.kind !== INSTANCE).map((target) => selectionOf(session, target));
  const refs = targets.filter(({ kind }) => kind.kind === INSTANCE).map(({ ref }) => ref);
  return { refs, selections: await Promise.all(selections) };
}

/** Those that there are now. */
export async function instancesOf(
  session: Session,
  words: readonly string[],
  labelSelector: string | undefined,
): Promise<Ref[]> {
  const { refs, selections } = await chosen(session, words, labelSelector);
  const found = await Promise.all(selections.map((selection) => selected(session, selection.labelSelector)));
  const all = [...refs, ...found.flat()];
  if (all.length === 0) throw new Failure('there is no such instance');
  return all;
}

/** Words without a kind are names of instances. */
function targetsIn({ kinds }: Session, words: readonly string[]): Target[] {
  const [first = '', ...rest] = words;
  const isKind = rest.length > 0 && kinds.byAnyName(first) !== undefined;
  const isNamed = isKind || words.some((word) => word.includes('/'));
  return isNamed ? targetsOf(kinds, words) : [{ kind: kinds.must(INSTANCE), names: [...words] }];
}

async function selectionOf(session: Session, { kind, ref }: { kind: KindDefinition; ref: Ref }): Promise<Selection> {
  if (!kind.scale) throw notOne({ kind }, ref.name);
  return { labelSelector: kind.scale.selector(await getObject(session.client, ref)), of: ref };
}

async function selected({ client, kinds, namespace }: Session, labelSelector: string): Promise<Ref[]> {
  return (await listObjects(client, kinds.must(INSTANCE), namespace, { labelSelector })).items.map(refOf);
}

const notOne = ({ kind }: Pick<Target, 'kind'>, name: string): Failure =>
  new Failure(`${kind.singular}/${name} is no instance, and has no process`);
