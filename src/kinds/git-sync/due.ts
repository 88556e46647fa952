import { runsAround } from '../../base/cron.ts';
import { durationMs } from '../../base/quantity.ts';
import type { RemoteState } from './repositories.ts';
import { SYNC_AT } from './types.ts';
import type { GitSync } from './types.ts';

/** Whether the remote is to be asked now. */
export function isDue(sync: GitSync, remote: RemoteState, now: Date): boolean {
  if (remote.askedAt === undefined || remote.stale) return true;
  const request = sync.metadata.annotations?.[SYNC_AT];
  return (request !== undefined && request !== remote.request) || dueInMs(sync, remote, now) <= 0;
}

/** Milliseconds until the remote is asked next. No jump of the wall clock changes that, but where a schedule is of its times. */
export function dueInMs({ spec }: GitSync, { askedAt = new Date(0), agoMs, failure }: RemoteState, now: Date): number {
  if (failure) return durationMs(spec.retryInterval) - agoMs;
  const since = askedAt < now ? askedAt : now;
  const next = spec.schedule === undefined ? undefined : runsAround(spec.schedule, spec.timeZone, since).next;
  return next ? next.getTime() - now.getTime() : durationMs(spec.interval) - agoMs;
}
