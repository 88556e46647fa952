import { refOf, titleOf } from '../../api/metadata.ts';
import type { KindDefinition } from '../../api/kind.ts';
import type { Resource } from '../../api/metadata.ts';
import { WAITING_LOOK_MS } from '../../engine/contract.ts';
import type { Outcome, Report, Step } from '../../engine/contract.ts';
import { degraded, listed, NOT_DEGRADED, progressing, ready } from '../shared/conditions.ts';
import { inParts } from '../../base/parts.ts';
import { amountText } from './quota.ts';
import type { Counts } from './quota.ts';
import type { Namespace, NamespaceStatus } from './types.ts';

export interface NamespaceObserved {
  /** While it is being deleted, what is in it: by kind, in the order of deletion. */
  left: readonly { kind: KindDefinition; resources: readonly Resource[] }[];
  /** Of what is limited. */
  hard: Counts;
  used: Counts;
}

export type NamespaceStep = Step & { do: 'delete'; resources: readonly Resource[] };

/** Pure: what refers goes before what it refers to, and the next kind when the one before is gone. */
export function planNamespace({ metadata }: Namespace, { left: [first] }: NamespaceObserved): NamespaceStep[] {
  if (metadata.deletionTimestamp === undefined || !first) return [];
  const doomed = first.resources.filter((r) => r.metadata.deletionTimestamp === undefined);
  return inParts(doomed).map((resources) => ({
    do: 'delete',
    resources,
    why: `namespace ${metadata.name} was deleted`,
  }));
}

export function reportNamespace(
  namespace: Namespace,
  observed: NamespaceObserved,
  leftSteps: readonly NamespaceStep[],
): Report {
  if (namespace.metadata.deletionTimestamp !== undefined) return terminating(observed, leftSteps);
  const over = [...observed.hard].filter(([name, hard]) => (observed.used.get(name) ?? 0) > hard);
  const outcome: Outcome = { is: 'reconciled' };
  const excess = over.map(
    ([name, hard]) => `${amountText(name, observed.used.get(name) ?? 0)} of ${amountText(name, hard)}`,
  );
  const status: NamespaceStatus = { phase: 'Active' };
  return {
    status,
    conditions: [
      ready('True', 'Active', 'objects can be made in it'),
      progressing(outcome),
      over.length === 0
        ? NOT_DEGRADED
        : degraded('True', 'OverQuota', `${listed(excess)}: what is there stays, and nothing more is made`),
    ],
    outcome,
  };
}

function terminating({ left }: NamespaceObserved, leftSteps: readonly NamespaceStep[]): Report {
  const waits = left.map(({ kind, resources }) =>
    resources.length === 1 && resources[0] ? titleOf(refOf(resources[0])) : `${resources.length} ${kind.plural}`,
  );
  const on = listed(waits);
  const outcome: Outcome =
    left.length === 0
      ? { is: 'gone' }
      : leftSteps.length > 0
        ? { is: 'progressing', afterMs: 0 }
        : { is: 'waiting', on, afterMs: WAITING_LOOK_MS };
  const status: NamespaceStatus = { phase: 'Terminating' };
  const message = left.length === 0 ? 'nothing is left in it' : `waits for ${on} to be gone`;
  return {
    status,
    conditions: [ready('False', 'Terminating', message), progressing(outcome), NOT_DEGRADED],
    outcome,
  };
}
