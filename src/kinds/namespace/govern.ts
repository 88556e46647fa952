import { forbidden } from '../../admission/operations.ts';
import { DEFAULT_NAMESPACE } from '../../api/metadata.ts';
import type { Resource } from '../../api/metadata.ts';
import type { Governor, KindDefinition, Size, View } from '../../api/kind.ts';
import { StatusError } from '../../base/errors.ts';
import { formatBytes } from '../../base/quantity.ts';
import { sizeIn } from '../shared/size.ts';
import { amountText, countsOf, excessOf, unbounded, unlimited } from './quota.ts';
import { isNamespace } from './types.ts';
import type { Namespace, NamespaceSpec } from './types.ts';

/** What a namespace says of the documents in it. */
export const governNamespaces = (kinds: Iterable<KindDefinition>): Governor => ({
  complete(next, old, kind, view) {
    const given = namespaceOf(next, view)?.spec.instanceResources?.default;
    if (!given || !kind.size) return next;
    const size = kind.size.of(next);
    const before = old && kind.size.of(old);
    // One that was made without stays without: a default is for what is made.
    const missing = (name: keyof Size) => size[name] === undefined && (!before || before[name] !== undefined);
    const { cpus, memory } = sizeIn(given);
    const wanted = {
      ...(cpus !== undefined && missing('cpus') ? { cpus } : {}),
      ...(memory !== undefined && missing('memory') ? { memory } : {}),
    };
    return Object.keys(wanted).length === 0 ? next : kind.size.with(next, wanted);
  },

  check(next, old, kind, view) {
    const { name, namespace } = next.metadata;
    const found = namespaceOf(next, view);
    const refuse = (why: string) => {
      throw forbidden(kind, name, why);
    };
    if (!found) {
      // It exists always, also where nobody has written it down yet.
      if (old || namespace === DEFAULT_NAMESPACE) return;
      throw new StatusError('NotFound', `namespaces "${namespace}" not found: create it first (kind: Namespace)`, {
        details: { name: namespace, kind: 'namespaces' },
      });
    }
    if (!old && found.metadata.deletionTimestamp !== undefined)
      refuse(`unable to create new content in namespace ${namespace} because it is being terminated`);
    checkSize(found.spec, next, old, kind, refuse);
    checkPolicy(found.spec, next, old, kind);
    const { quota } = found.spec;
    if (!quota) return;
    const hard = countsOf(quota);
    const bare = !old && kind.size && kind.usage ? unlimited(hard, kind.size.of(next)) : [];
    if (bare.length > 0)
      refuse(
        `namespace ${namespace} has a quota of ${bare.join(' and ')}: it needs spec.resources.${bare.join(' and spec.resources.')}, or the namespace a default (spec.instanceResources.default)`,
      );
    const unbound = unbounded(hard, next, old, kind);
    if (unbound)
      refuse(
        `namespace ${namespace} has a quota of ${unbound.name}: it needs ${unbound.field}, which says how much of it`,
      );
    const excess = excessOf(hard, next, old, kind, kinds, view);
    if (excess.length === 0) return;
    const say = (of: 'requested' | 'used' | 'hard') => excess.map((each) => amountText(each.name, each[of])).join(', ');
    refuse(
      `exceeded quota of namespace ${namespace}, requested: ${say('requested')}, used: ${say('used')}, limited: ${say('hard')}`,
    );
  },
});

function namespaceOf({ metadata }: Resource, view: View): Namespace | undefined {
  const found = view.get({ kind: 'Namespace', namespace: '', name: metadata.namespace ?? '' });
  return found && isNamespace(found) ? found : undefined;
}

/** What it did before the policy was so is not held against it. */
function checkPolicy({ policy }: NamespaceSpec, next: Resource, old: Resource | undefined, kind: KindDefinition): void {
  if (!policy || !kind.violations) return;
  const before = new Set(old ? kind.violations(old, policy).map(({ message }) => message) : []);
  const causes = kind.violations(next, policy).filter(({ message }) => !before.has(message));
  if (causes.length === 0) return;
  const said = causes.map(({ field, message }) => `${field}: ${message}`).join(', ');
  throw forbidden(kind, next.metadata.name, said, causes);
}

/** One that is no larger than before is never refused. */
function checkSize(
  { instanceResources }: NamespaceSpec,
  next: Resource,
  old: Resource | undefined,
  kind: KindDefinition,
  refuse: (why: string) => void,
): void {
  if (!kind.size || !instanceResources?.max) return;
  const [size, before, max] = [kind.size.of(next), old && kind.size.of(old), sizeIn(instanceResources.max)];
  const text = (name: keyof Size, amount: number) => (name === 'memory' ? formatBytes(amount) : String(amount));
  for (const name of ['cpus', 'memory'] as const) {
    const [amount, most] = [size[name], max[name]];
    if (most === undefined || (before && before[name] === amount)) continue;
    if (amount === undefined)
      refuse(
        `the most ${name} of an instance here are ${text(name, most)}, and it has no limit: set resources.${name}`,
      );
    else if (amount > most)
      refuse(`the most ${name} of an instance here are ${text(name, most)}, and it has ${text(name, amount)}`);
  }
}
