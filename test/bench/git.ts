import { createHmac } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { isReady } from '../../src/api/metadata.ts';
import type { GitSync } from '../../src/kinds/git-sync/types.ts';
import type { TestDaemon } from '../support/daemon.ts';
import { testRepository } from '../support/git.ts';
import type { TestRepository } from '../support/git.ts';
import { call } from '../support/http.ts';
import { instance, vpc } from '../support/manifests.ts';
import { makeNamespaces } from '../support/namespaces.ts';
import { eventually } from '../support/wait.ts';
import { atMost, median, timed } from './figure.ts';
import type { Benchmark, Figure } from './figure.ts';
import { cpuOfTree, pidOf, writesOf } from './observe.ts';
import type { Workshop } from './workshop.ts';

const DOCUMENTS = 1_000;
const ROUNDS = 5;
const SYNCS = 100;
const WINDOW_S = 60;
const [FIRST_MS, NOOP_MS, ONE_MS, CPU_PERCENT] = [10_000, 300, 1_000, 5];
const SECRET = 'bench';
const PATH = '/apis/miniaws.dev/v1/namespaces/default/gitsyncs';

const documents = (more: object = {}): string =>
  [
    vpc('bench', { cidrBlock: '10.216.0.0/20' }),
    ...Array.from({ length: DOCUMENTS - 1 }, (_, i) =>
      instance(`i-${i}`, {
        vpc: 'bench',
        image: 'bench:1',
        env: { N: String(i) },
        restartPolicy: 'Always',
        ...(i === 0 && more),
      }),
    ),
  ]
    .map((document) => JSON.stringify(document))
    .join('\n');

const create = (daemon: TestDaemon, name: string, spec: object) =>
  call(daemon, 'POST', PATH, { body: { apiVersion: 'miniaws.dev/v1', kind: 'GitSync', metadata: { name }, spec } });

/** As a forge tells of it. */
async function push(daemon: TestDaemon, sha: string): Promise<void> {
  const body = JSON.stringify({ ref: 'refs/heads/main', after: sha });
  const signature = `sha256=${createHmac('sha256', SECRET).update(body).digest('hex')}`;
  const headers = { 'content-type': 'application/json', 'x-hub-signature-256': signature };
  await call(daemon, 'POST', '/hooks/git/default/app', { body, headers, anonymous: true });
}

const synced = (daemon: TestDaemon, sha: string, isEnd: (sync: GitSync) => boolean) =>
  eventually(`commit ${sha}`, async () => {
    const sync = (await call(daemon, 'GET', `${PATH}/app`)).json<GitSync>();
    return sync.status?.applied?.commit === sha && isEnd(sync);
  });

/** A repository as the desired state of a thousand instances, and a hundred syncs that find nothing new. */
export const git: Benchmark = {
  name: 'git',
  async run(workshop) {
    const repository = testRepository();
    try {
      return [...(await thousand(workshop, repository)), await hundred(workshop, repository)];
    } finally {
      repository.remove();
    }
  },
};

async function thousand(workshop: Workshop, repository: TestRepository): Promise<Figure[]> {
  const database = await workshop.database();
  const daemon = await workshop.daemon({ engine: 'simulated', database });
  repository.commit({ 'README.md': 'Soon.' });
  const body = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'hook' }, stringData: { secret: SECRET } };
  await call(daemon, 'POST', '/api/v1/namespaces/default/secrets', { body });
  await create(daemon, 'app', { url: repository.url, interval: '1h', webhook: 'hook' });
  const told = (content: string, isEnd: (sync: GitSync) => boolean) => {
    const sha = repository.commit({ 'all.json': content });
    return timed(async () => {
      await push(daemon, sha);
      await synced(daemon, sha, isEnd);
    });
  };
  const first = await told(documents(), isReady);
  const nothing: number[] = [];
  const one: number[] = [];
  const before = await writesOf(database);
  // A commit that changes no object: its own status, and what the webhook asks by, are all that is written.
  for (let round = 0; round < ROUNDS; round++) nothing.push(await told(documents(), () => true));
  const written = (await writesOf(database)) - before;
  for (let round = 0; round < ROUNDS; round++)
    one.push(await told(documents({ labels: { round: String(round) } }), () => true));
  return [
    figure('git/first', first, FIRST_MS, 1),
    { ...figure('git/noop', median(nothing), NOOP_MS, ROUNDS), note: `${written} rows written by ${ROUNDS} pushes` },
    figure('git/one', median(one), ONE_MS, ROUNDS),
  ];
}

const figure = (name: string, value: number, goal: number, samples: number): Figure => ({
  name,
  value,
  unit: 'ms',
  samples,
  goal: atMost(value, goal, `<= ${goal} ms`),
});

async function hundred(workshop: Workshop, repository: TestRepository): Promise<Figure> {
  const map = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'bench' }, data: { a: '1' } };
  repository.commit({ 'all.json': JSON.stringify(map) });
  const daemon = await workshop.daemon({ engine: 'simulated' });
  await makeNamespaces(daemon, ...Array.from({ length: SYNCS }, (_, i) => `n-${i}`));
  for (let i = 0; i < SYNCS; i++)
    await create(daemon, `s-${i}`, { url: repository.url, path: '.', interval: '1m', targetNamespace: `n-${i}` });
  await eventually('all of them to be looked at', async () => {
    const { items } = (await call(daemon, 'GET', PATH)).json<{ items: GitSync[] }>();
    return items.every(({ status }) => status?.applied !== undefined);
  });
  await pause(10_000, undefined, { signal: workshop.signal });
  const [cpu, began] = [cpuOfTree(pidOf(daemon)), performance.now()];
  await pause(WINDOW_S * 1_000, undefined, { signal: workshop.signal });
  const percent = ((cpuOfTree(pidOf(daemon)) - cpu) / ((performance.now() - began) / 1_000)) * 100;
  return {
    name: 'git/quiet',
    value: percent,
    unit: '% of a core',
    samples: 1,
    goal: atMost(percent, CPU_PERCENT, `< ${CPU_PERCENT} %`),
  };
}
