import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import pLimit from 'p-limit';
import type { TestDaemon } from '../support/daemon.ts';
import { pathOf } from '../support/manifests.ts';
import type { Listed, ListOrder } from './list-client.ts';
import { residentMegabytes } from './observe.ts';
import type { Workshop } from './workshop.ts';

const CLIENT = fileURLToPath(new URL('list-client.ts', import.meta.url));
const AT_ONCE = 32;
const SAMPLE_EVERY_MS = 20;

/** So many clients at once, in a process of their own, that list all instances. */
export async function listAll(
  daemon: TestDaemon,
  lists: number,
  headers: Record<string, string> = {},
): Promise<Listed> {
  const child = spawn(process.execPath, ['--import', 'tsx', CLIENT], { stdio: ['pipe', 'pipe', 'inherit'] });
  const { url, ca, token } = daemon;
  const order: ListOrder = { url, ca, token, path: pathOf('instances'), lists, headers };
  child.stdin.end(JSON.stringify(order));
  return JSON.parse(await text(child.stdout)) as Listed;
}

/** Megabytes: what the daemon has before the work, and the most that it has beyond that meanwhile. */
export async function memoryOver<T>(
  daemon: TestDaemon,
  work: () => Promise<T>,
): Promise<{ result: T; idle: number; over: number }> {
  const idle = residentMegabytes(daemon);
  let peak = idle;
  const sampling = setInterval(() => (peak = Math.max(peak, residentMegabytes(daemon))), SAMPLE_EVERY_MS);
  try {
    return { result: await work(), idle, over: peak - idle };
  } finally {
    clearInterval(sampling);
  }
}

/** Makes so many of something, some at once. */
export async function makeMany(
  workshop: Workshop,
  count: number,
  make: (n: number) => Promise<unknown>,
): Promise<void> {
  const numbers = Array.from({ length: count }, (_, n) => n);
  await pLimit(AT_ONCE).map(numbers, (n) => {
    workshop.signal.throwIfAborted();
    return make(n);
  });
}
