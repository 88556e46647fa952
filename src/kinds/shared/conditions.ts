import type { Outcome, ConditionInput } from '../../engine/contract.ts';

/** How many names a message tells before it counts the rest. */
const NAMED = 5;

/** `web-0, web-1 and 7 more`. */
export const listed = (names: readonly string[]): string =>
  names.slice(0, NAMED).join(', ') + (names.length > NAMED ? ` and ${names.length - NAMED} more` : '');

type Say = (status: ConditionInput['status'], reason: string, message: string) => ConditionInput;

export const ready: Say = (status, reason, message) => ({ type: 'Ready', status, reason, message });
export const degraded: Say = (status, reason, message) => ({ type: 'Degraded', status, reason, message });
export const NOT_DEGRADED = degraded('False', 'AsExpected', 'nothing is wrong');

/** The condition that every kind has beside Ready: whether anything is still being done. */
export const progressing = (outcome: Outcome): ConditionInput =>
  outcome.is === 'progressing'
    ? {
        type: 'Progressing',
        status: 'True',
        reason: 'Converging',
        message: 'the world is being brought to the specification',
      }
    : {
        type: 'Progressing',
        status: 'False',
        reason: outcome.is === 'waiting' ? 'Waiting' : 'Reconciled',
        message: outcome.is === 'waiting' ? `waiting for ${outcome.on}` : 'nothing is left to do',
      };
