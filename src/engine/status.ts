import type { CommonStatus, Condition, Resource } from '../api/metadata.ts';
import { sameJson } from '../base/hash.ts';
import { timestamp } from '../admission/admit.ts';
import type { ConditionInput } from './contract.ts';

/**
 * The status as it shall be: the controller's fields, the generation they speak of (I8), and its conditions with the
 * time at which each last changed its mind.
 */
export function mergeStatus(
  latest: Resource,
  fields: object,
  verdicts: readonly ConditionInput[],
  generation: number,
  now: Date,
): object {
  const before = latest.status?.conditions ?? [];
  const conditions = verdicts.map((verdict): Condition => {
    const old = before.find((c) => c.type === verdict.type);
    const lastTransitionTime = old?.status === verdict.status ? old.lastTransitionTime : timestamp(now);
    return { ...verdict, observedGeneration: generation, lastTransitionTime };
  });
  const status = {
    ...definedOnly(fields),
    observedGeneration: Math.max(generation, latest.status?.observedGeneration ?? 0),
    conditions,
  };
  return sameJson(status, latest.status) ? (latest.status as object) : status;
}

/** A failed step overrides what the controller would say of readiness; its other fields stand. */
export function withFailure(verdicts: readonly ConditionInput[], reason: string, message: string): ConditionInput[] {
  const ready: ConditionInput = { type: 'Ready', status: 'False', reason, message };
  return [ready, ...verdicts.filter((v) => v.type !== 'Ready')];
}

/** The verdicts that a document has now, for a pass that could not come to its own. */
export const conditionInputsOf = (status: CommonStatus | undefined): ConditionInput[] =>
  (status?.conditions ?? []).map(({ type, status: s, reason, message }) => ({ type, status: s, reason, message }));

const definedOnly = (fields: object): object =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
