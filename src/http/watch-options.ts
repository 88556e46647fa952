import { StatusError } from '../base/errors.ts';
import { isTrue, numberOf } from './context.ts';
import type { Query } from './context.ts';

/** How a watch begins, by Kubernetes' parameters (KEP-3157, apimachinery's validation of ListOptions). */
export interface WatchOptions {
  /** The revision to go on from; 0: whatever is newest. */
  from: number;
  /** All that is there comes first. */
  sendsInitial: boolean;
  /** A bookmark says that all of it has come: what a streaming list waits for. */
  marksInitial: boolean;
  allowsBookmarks: boolean;
  timeoutSeconds: number | undefined;
}

const NOT_OLDER_THAN = 'NotOlderThan';
/** What a client is told to wait before it asks again for a revision that is not there yet. */
const RETRY_AFTER_SECONDS = 1;

/** Of the bookmark at the end of what was there: client-go's reflector looks for it. */
export const INITIAL_EVENTS_END = { 'k8s.io/initial-events-end': 'true' } as const;

/** Throws `Invalid` for parameters that contradict each other. `isLegacy`: without a revision, all that is there comes first. */
export function watchOptions(query: Query, isLegacy: boolean): WatchOptions {
  const { sendInitialEvents, resourceVersionMatch: match } = query;
  const isSet = sendInitialEvents !== undefined && sendInitialEvents !== '';
  if (isSet && match !== NOT_OLDER_THAN)
    throw forbidden(
      `resourceVersionMatch: Forbidden: sendInitialEvents requires setting resourceVersionMatch to ${NOT_OLDER_THAN}`,
    );
  if (!isSet && match)
    throw forbidden(
      'resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided',
    );
  if (isSet && query['continue']) throw forbidden('continue: Forbidden: continue is forbidden for watch');
  const from = numberOf(query, 'resourceVersion', 0, Number.MAX_SAFE_INTEGER);
  const isAsked = isSet && isTrue(sendInitialEvents);
  const allowsBookmarks = isTrue(query['allowWatchBookmarks']);
  return {
    from,
    sendsInitial: isSet ? isAsked : isLegacy && from === 0,
    marksInitial: isAsked && allowsBookmarks,
    allowsBookmarks,
    timeoutSeconds: query['timeoutSeconds'] ? numberOf(query, 'timeoutSeconds', 0, 86_400) : undefined,
  };
}

/** A list has everything anyway. */
export function checkListOptions(query: Query): void {
  if (query['sendInitialEvents'])
    throw forbidden('sendInitialEvents: Forbidden: sendInitialEvents is forbidden for list');
}

/** A state that is asked for and is not there yet, after a restore say: Kubernetes' words, which clients look for. */
export function checkNotTooNew({ from, sendsInitial }: WatchOptions, current: number, told = current): void {
  if (!sendsInitial || from <= current) return;
  throw new StatusError('Timeout', `Too large resource version: ${from}, current: ${told}`, {
    causes: [{ reason: 'ResourceVersionTooLarge', message: 'Too large resource version' }],
    details: { retryAfterSeconds: RETRY_AFTER_SECONDS },
  });
}

const forbidden = (what: string): StatusError =>
  new StatusError('Invalid', `ListOptions.meta.k8s.io "" is invalid: ${what}`, {
    causes: [{ reason: 'FieldValueForbidden', message: what, field: what.slice(0, what.indexOf(':')) }],
  });
