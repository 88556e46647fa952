import type { ServerMode, ServerRef } from '../proxies.ts';
import { addressWord, nameWord, portWord } from './words.ts';

/** The runtime API's words for what is done to servers. All succeed without an answer, but for the first and the last. */

/** In maintenance and unchecked, as HAProxy adds it. */
const add = (ref: ServerRef, at: { address: string; port: number }, options: string): string =>
  `add server ${wordOf(ref)} ${addressWord(at.address)}:${portWord(at.port)} ${options}`;

export const ADDED = 'New server registered.';

/** One that a person has taken the weight or the check from gets them back. */
export function set(ref: ServerRef, mode: ServerMode): readonly string[] {
  const server = wordOf(ref);
  const state = `set server ${server} state ${mode}`;
  return mode === 'ready' ? [`enable health ${server}`, `set server ${server} weight 100%`, state] : [state];
}

/** Gives every server of the backend its cookie: one that is added has none. */
export const stick = ({ backend }: ServerRef): string => `enable dynamic-cookie backend ${nameWord(backend)}`;

/**
 * Adds one that gets its first request when its checks have succeeded: HAProxy itself believes it to be up until they
 * have failed.
 */
export function begin(ref: ServerRef, at: { address: string; port: number }, options: string): readonly string[] {
  const [health = '', weight = '', ready = ''] = set(ref, 'ready');
  return [add(ref, at, options), health, weight, `set server ${wordOf(ref)} health down`, ready];
}

export const show = ({ backend }: ServerRef): string => `show servers state ${nameWord(backend)}`;

/** Of the server; without a word, also when there are none. */
export const shut = (ref: ServerRef): string => `shutdown sessions server ${wordOf(ref)}`;

export const remove = (ref: ServerRef): string => `del server ${wordOf(ref)}`;

/** It is gone, by this or before. */
export const isRemoved = (words: string): boolean => /^(Server deleted|No such server|No such backend)\.$/.test(words);

/** What stands against a removal ends by itself, or by another command. */
export const isNotYet = (words: string): boolean => /only servers in maintenance|still has connections/i.test(words);

const wordOf = ({ backend, server }: ServerRef): string => `${nameWord(backend)}/${nameWord(server)}`;
