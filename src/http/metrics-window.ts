import { StatusError } from '../base/errors.ts';
import { parseDuration } from '../base/quantity.ts';
import { widthOf } from '../store/series.ts';
import { numberOf } from './context.ts';
import type { Query } from './context.ts';

/** Milliseconds between samples of another daemon's, where this one is told to take none. */
export const USUAL_INTERVAL_MS = 10_000;
const DEFAULT_SINCE = '1h';
/** Milliseconds: as long as aggregates are kept. */
const LONGEST_MS = 30 * 24 * 3_600_000;
const DEFAULT_POINTS = 60;
/** More than a terminal has columns; with this many the longest time that is answered from samples stays quick. */
const MOST_POINTS = 240;

export interface Asked {
  since: Date;
  until: Date;
  points: number;
  /** Of one point. */
  seconds: number;
}

/** `since=1h&points=60`: what is asked for. Throws BadRequest. */
export function windowOf(query: Query, intervalMs: number, until: Date): Asked {
  const text = query['since'] || DEFAULT_SINCE;
  const sinceMs = parseDuration(text);
  if (sinceMs === undefined || sinceMs < 1_000 || sinceMs > LONGEST_MS)
    throw new StatusError('BadRequest', `since: expected a duration from 1s to 30d, such as 1h, found "${text}"`);
  const wanted = numberOf(query, 'points', DEFAULT_POINTS, MOST_POINTS) || DEFAULT_POINTS;
  // No more than there are samples: points between two of them would be gaps.
  const points = Math.max(1, Math.min(wanted, Math.floor(sinceMs / intervalMs)));
  const since = new Date(until.getTime() - sinceMs);
  return { since, until, points, seconds: widthOf(since, until, points) / 1_000 };
}

/** Two digits: more is noise, and a third of the answer's bytes. */
export const rounded = (value: number): number => Math.round(value * 100) / 100;
