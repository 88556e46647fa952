import { createServer } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';

/** Resolves once `condition` holds; fails after `limit` milliseconds. */
export async function until(condition: () => boolean | Promise<boolean>, limit = 15_000): Promise<void> {
  const deadline = performance.now() + limit;
  while (!(await condition())) {
    if (performance.now() > deadline) throw new Error(`not so after ${limit} ms: ${condition.toString()}`);
    await pause(20);
  }
}

/** A TCP port of 127.0.0.1 that the kernel gives out as free. */
export function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}
