import { refOf } from '../../api/metadata.ts';
import type { Ref, Resource } from '../../api/metadata.ts';
import type { View } from '../../api/kind.ts';
import type { KindRegistry } from '../../api/registry.ts';
import type { Controller } from '../../engine/contract.ts';
import { planNamespace, reportNamespace } from './plan.ts';
import type { NamespaceObserved, NamespaceStep } from './plan.ts';
import { countsOf, usedIn } from './quota.ts';
import { isNamespace } from './types.ts';
import type { Namespace } from './types.ts';

/** Deletes what is in a namespace that is deleted, and says where more is taken than is allowed. */
export const namespaceController = (kinds: KindRegistry): Controller<Namespace, NamespaceObserved, NamespaceStep> => ({
  kind: 'Namespace',
  needsEngine: false,
  watches: [{ enqueue: concerned }],

  async observe({ metadata, spec }, { view }) {
    const { name, deletionTimestamp } = metadata;
    // What is taken of one that is being deleted is of no meaning any more.
    const hard = countsOf((deletionTimestamp === undefined && spec.quota) || {});
    const used = usedIn(name, hard, kinds, view);
    if (deletionTimestamp === undefined) return { left: [], hard, used };
    const left = [...kinds].reverse().flatMap((kind) => {
      const resources = kind.scope === 'Cluster' ? [] : view.list(kind.kind, name);
      return resources.length === 0 ? [] : [{ kind, resources }];
    });
    return { left, hard, used };
  },

  plan: planNamespace,

  async act({ resources }, _namespace, pass) {
    await pass.transact((view) => ({ remove: resources.flatMap((r) => stillThere(r, view)) }));
  },

  report: reportNamespace,

  print: ({ resources: [first, ...more] }) =>
    first ? `delete ${first.kind} ${first.metadata.name}${more.length > 0 ? ` and ${more.length} more` : ''}` : '',
});

/** Of what is in it, one that has a quota or is being deleted wants to know. */
function concerned({ metadata }: Resource, view: View): Ref[] {
  if (metadata.namespace === undefined) return [];
  const found = view.get({ kind: 'Namespace', namespace: '', name: metadata.namespace });
  const isAsked =
    found && isNamespace(found) && (found.spec.quota !== undefined || found.metadata.deletionTimestamp !== undefined);
  return isAsked ? [refOf(found)] : [];
}

/** As it is under the lock. */
function stillThere({ kind, metadata }: Resource, view: View): Resource[] {
  const live = view.get(refOf({ kind, metadata } as Resource));
  return live?.metadata.uid === metadata.uid && live.metadata.deletionTimestamp === undefined ? [live] : [];
}
