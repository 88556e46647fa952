import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { MERGE_PATCH } from '../../src/cli/client.ts';
import { PAUSED } from '../../src/api/metadata.ts';
import type { Resource } from '../../src/api/metadata.ts';
import type { TestDaemon } from '../support/daemon.ts';
import { asKey } from '../support/keys.ts';
import { instance, pathOf } from '../support/manifests.ts';
import { nowMs } from './engine-events.ts';
import { atMost, percentile } from './figure.ts';
import type { Benchmark } from './figure.ts';
import type { Orders, Told } from './watchers.ts';

const WATCHERS = 1_000;
/** Among which they are shared out. */
const KEYS = 100;
const CHANGES = 400;
const PER_SECOND = 20;
const GOAL_MS = 50;
/** After the last change, for those that lag; then what they have is counted. */
const LAST_MS = 10_000;

/** Each change, from the moment it is sent to the server, to each watcher's reading it. */
export const watch: Benchmark = {
  name: 'watch',
  async run(workshop) {
    const daemon = await workshop.daemon({ engine: 'simulated' });
    const document = instance('watched', { image: 'bench:1' }, { annotations: { [PAUSED]: 'true' } });
    const created = await daemon.client.send<Resource>('POST', pathOf('instances'), { body: document });
    const child = fork(fileURLToPath(new URL('./watchers.ts', import.meta.url)), {
      execArgv: ['--import', 'tsx'],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    workshop.atEnd(() => void child.kill());
    const path = `${pathOf('instances')}?watch=true&resourceVersion=${created.body.metadata.resourceVersion}`;
    const { url, ca } = daemon;
    const keys = Array.from({ length: KEYS }, (_, n) =>
      asKey(daemon, `watcher-${n}`, { role: 'view', namespaces: ['default'] }),
    );
    const tokens = (await Promise.all(keys)).map(({ token }) => token);
    child.send({ endpoint: { url, ca }, tokens, path, watchers: WATCHERS, changes: CHANGES } satisfies Orders);
    await told(child, workshop.signal);
    const took = await change(daemon, workshop.signal);
    const late = setTimeout(() => child.send('enough'), LAST_MS);
    const result = await told(child, workshop.signal);
    clearTimeout(late);
    if (result.is !== 'done') throw new Error('the watchers began twice');
    const p99 = percentile(result.delays, 99);
    const samples = result.delays.length;
    const missed = WATCHERS - result.watchersWithAll;
    return [
      {
        name: 'watch/p99',
        value: p99,
        unit: 'ms',
        samples,
        goal: atMost(p99, GOAL_MS, `<= ${GOAL_MS} ms`),
        note: `p50 ${percentile(result.delays, 50).toFixed(1)} ms, ${((CHANGES * 1_000) / took).toFixed(1)} changes/s`,
      },
      {
        name: 'watch/incomplete',
        value: missed + result.outOfOrder,
        unit: 'watchers',
        samples: WATCHERS,
        goal: atMost(missed + result.outOfOrder, 0, 'none'),
        note: 'missed a change, or saw one out of order',
      },
    ];
  },
};

/** At the given rate, however long each takes. Answers how long all took, in milliseconds. */
async function change(daemon: TestDaemon, signal: AbortSignal): Promise<number> {
  const began = performance.now();
  const sent: Promise<unknown>[] = [];
  for (let n = 0; n < CHANGES; n++) {
    const due = began + (n * 1_000) / PER_SECOND;
    await pause(Math.max(0, due - performance.now()), undefined, { signal });
    // One after the other, so that the order of the numbers is the order of the commits.
    await sent.at(-1);
    const body = { metadata: { annotations: { 'bench/change': `${n} ${nowMs()}` } } };
    sent.push(daemon.client.send('PATCH', pathOf('instances', 'watched'), { body, contentType: MERGE_PATCH }));
  }
  await Promise.all(sent);
  return performance.now() - began;
}

async function told(child: ChildProcess, signal: AbortSignal): Promise<Told> {
  const [message] = (await Promise.race([
    once(child, 'message', { signal }),
    once(child, 'exit').then(() => Promise.reject(new Error('the process of the watchers ended'))),
  ])) as [Told];
  return message;
}
