import { DEFAULT_NAMESPACE } from '../../api/metadata.ts';
import { create } from '../../admission/operations.ts';
import type { WriteContext } from '../../admission/operations.ts';
import { anyController } from '../../engine/steps.ts';
import type { Snapshot } from '../../store/store.ts';
import type { CreateRuntime } from '../shared/kind-module.ts';
import { namespaceController } from './controller.ts';
import { namespaceKind } from './definition.ts';
import { amountsOf, countsOf, usedIn } from './quota.ts';
import { isNamespace } from './types.ts';

/** Field manager of what is made at the start. */
const MANAGER = 'miniaws-namespaces';

export const createRuntime: CreateRuntime = ({ store, view, kinds, clock, settings }) => ({
  controller: anyController(namespaceController(kinds)),

  /** The default one, and those of documents from before there were any. */
  async prepare() {
    await store.commit({
      decide: (now) => {
        const context: WriteContext = {
          settings,
          now: clock.now(),
          fieldValidation: 'Strict',
          warnings: [],
          manager: MANAGER,
        };
        return { put: missing(now).map((name) => create(namespaceKind, documentOf(name), now, context)) };
      },
    });
  },

  async live(resource) {
    if (!isNamespace(resource) || resource.spec.quota === undefined) return resource;
    const hard = countsOf(resource.spec.quota);
    const used = usedIn(resource.metadata.name, hard, kinds, view);
    return { ...resource, status: { ...resource.status, quota: { hard: amountsOf(hard), used: amountsOf(used) } } };
  },
});

const documentOf = (name: string) => ({
  apiVersion: namespaceKind.apiVersion,
  kind: namespaceKind.kind,
  metadata: { name },
  spec: {},
});

function missing(now: Snapshot): string[] {
  const used = new Set([DEFAULT_NAMESPACE]);
  for (const { metadata } of now.all()) if (metadata.namespace !== undefined) used.add(metadata.namespace);
  return [...used].filter((name) => !now.get({ kind: namespaceKind.kind, namespace: '', name }));
}
