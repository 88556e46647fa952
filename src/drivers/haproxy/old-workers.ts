import type { ServerRef } from '../proxies.ts';
import { parseInfo, parseStat, type Row } from './answers.ts';

/** A worker that a reload has left to its connections, as it says itself. */
export interface OldWorkerAnswer {
  pid: string;
  /** While false, it may still send servers new requests. */
  stopping: boolean;
  stat: readonly Row[];
}

/** Of the answer to `show proc`, the oldest first; `undefined`: that is none. */
export function oldPids(text: string): readonly string[] | undefined {
  if (!text.startsWith('#<PID>')) return undefined;
  const [, old = ''] = text.split('# old workers\n');
  const workers = [...old.matchAll(/^(\d+)\s+worker\s+(\d+)\s/gm)];
  return workers.toSorted((a, b) => Number(b[2]) - Number(a[2])).map(([, pid = '']) => pid);
}

export const questionsTo = (pid: string): string => `@!${pid} show info;@!${pid} show stat`;

/** `undefined`: it has ended. */
export function parseOldWorker(pid: string, text: string): OldWorkerAnswer | undefined {
  const [info = '', stat = ''] = text.split('\n\n');
  const rows = parseStat(stat);
  if (!rows) return undefined;
  return { pid, stopping: parseInfo(info.split('\n')).get('Stopping') !== '0', stat: rows };
}

/** The streams of this server in the answer to `show sess`. */
export const streamsOf = (text: string, { backend, server }: ServerRef): readonly string[] =>
  text.split('\n').flatMap((line) => {
    const words = line.split(' ');
    const [, stream] = /^(0x[0-9a-f]+):$/.exec(words[0] ?? '') ?? [];
    return stream && words.includes(`be=${backend}`) && words.includes(`srv=${server}`) ? [stream] : [];
  });
