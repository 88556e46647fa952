import { refOf } from '../../../api/metadata.ts';
import type { Ref } from '../../../api/metadata.ts';
import { refIn } from '../../../api/kind.ts';
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

/** Instances by name, those of what counts instances (`scalinggroup/web`), and those that a selector finds. */
export async function instancesOf(
  session: Session,
  words: readonly string[],
  labelSelector: string | undefined,
): Promise<Ref[]> {
  if (words.length > 0 === (labelSelector !== undefined))
    throw new Failure('name instances, instance/NAME or scalinggroup/NAME, or give -l LABELS');
  const found =
    labelSelector === undefined
      ? await Promise.all(targetsIn(session, words).map((target) => membersOf(session, target)))
      : [await selected(session, labelSelector)];
  const refs = found.flat();
  if (refs.length === 0) throw new Failure('there is no such instance');
  return refs;
}

/** Words without a kind are names of instances. */
function targetsIn({ kinds }: Session, words: readonly string[]): Target[] {
  const [first = '', ...rest] = words;
  const isKind = rest.length > 0 && kinds.byAnyName(first) !== undefined;
  const isNamed = isKind || words.some((word) => word.includes('/'));
  return isNamed ? targetsOf(kinds, words) : [{ kind: kinds.must(INSTANCE), names: [...words] }];
}

async function membersOf(session: Session, { kind, names = [] }: Target): Promise<Ref[]> {
  const refs = names.map((name) => refIn(kind, session.namespace, name));
  if (kind.kind === INSTANCE) return refs;
  const { scale } = kind;
  if (!scale) throw notOne({ kind }, names[0] ?? '');
  const groups = await Promise.all(refs.map((ref) => getObject(session.client, ref)));
  return (await Promise.all(groups.map((group) => selected(session, scale.selector(group))))).flat();
}

async function selected({ client, kinds, namespace }: Session, labelSelector: string): Promise<Ref[]> {
  return (await listObjects(client, kinds.must(INSTANCE), namespace, { labelSelector })).items.map(refOf);
}

const notOne = ({ kind }: Pick<Target, 'kind'>, name: string): Failure =>
  new Failure(`${kind.singular}/${name} is no instance, and has no process`);
