import type { ServerMode, ServerRef } from '../proxies.ts';
import { addressWord, nameWord, portWord } from './words.ts';

/** The runtime API's words for what is done to servers. All succeed without an answer, but for the first and the last. */

/** In maintenance and unchecked, as HAProxy adds it. */
export const add = (ref: ServerRef, at: { address: string; port: number }, options: string): string =>
  `add server ${wordOf(ref)} ${addressWord(at.address)}:${portWord(at.port)} ${options}`;

export const ADDED = 'New server registered.';

const state = (ref: ServerRef, mode: ServerMode): string => `set server ${wordOf(ref)} state ${mode}`;

/** One that a person has taken the weight or the check from gets them back. */
const restore = (ref: ServerRef): readonly string[] => [
  `enable health ${wordOf(ref)}`,
  `set server ${wordOf(ref)} weight 100%`,
];

export const set = (ref: ServerRef, mode: ServerMode): readonly string[] => [
  ...(mode === 'ready' ? restore(ref) : []),
  state(ref, mode),
];

/**
 * From maintenance: it gets its first request when its checks have succeeded. HAProxy believes a server that leaves
 * maintenance to be up until they have failed, whatever was said of it before: so this one leaves it draining, and is down
 * before it is ready.
 */
export const admit = (ref: ServerRef): readonly string[] => [
  ...restore(ref),
  state(ref, 'drain'),
  `set server ${wordOf(ref)} health down`,
  state(ref, 'ready'),
];

/** Gives every server of the backend its cookie: one that is added has none. */
export const stick = ({ backend }: ServerRef): string => `enable dynamic-cookie backend ${nameWord(backend)}`;

export const show = ({ backend }: ServerRef): string => `show servers state ${nameWord(backend)}`;

/** Of the server; without a word, also when there are none. */
export const shut = (ref: ServerRef): string => `shutdown sessions server ${wordOf(ref)}`;

export const remove = (ref: ServerRef): string => `del server ${wordOf(ref)}`;

/** It is gone, by this or before. */
export const isRemoved = (words: string): boolean => /^(Server deleted|No such server|No such backend)\.$/.test(words);

/** What stands against a removal ends by itself, or by another command. */
export const isNotYet = (words: string): boolean => /only servers in maintenance|still has connections/i.test(words);

const wordOf = ({ backend, server }: ServerRef): string => `${nameWord(backend)}/${nameWord(server)}`;
