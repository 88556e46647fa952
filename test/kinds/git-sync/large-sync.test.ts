import { expect, it, onTestFinished, vi } from 'vitest';
import { findCondition } from '../../../src/api/metadata.ts';
import type { GitSync } from '../../../src/kinds/git-sync/types.ts';
import { breathe } from '../../../src/proof/manual-clock.ts';
import { World } from '../../../src/proof/world.ts';
import type { WorldDaemon } from '../../../src/proof/world.ts';
import { eventually } from '../../support/wait.ts';
import type { CommitRequest, Store } from '../../../src/store/store.ts';

const URL = 'https://git.example/shop.git';
const [DOCUMENTS, IN_A_FILE, GONE] = [10_000, 10, 3_000];
/** Documents that one decision may write or delete. */
const MOST_AT_ONCE = 1_000;

const map = (i: number, value = 'same'): string =>
  JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: `m-${i}` }, data: { value } });
/** From the document `first` on, with another value of `changed`. */
const filesOf = (first = 0, changed?: number): Record<string, string> =>
  Object.fromEntries(
    Array.from({ length: (DOCUMENTS - first) / IN_A_FILE }, (_, f) => {
      const numbers = Array.from({ length: IN_A_FILE }, (_, i) => first + f * IN_A_FILE + i);
      return [
        `${first + f * IN_A_FILE}.yaml`,
        numbers.map((i) => map(i, i === changed ? 'other' : undefined)).join('\n'),
      ];
    }),
  );

/** How many documents each decision has written and deleted since it was asked last. */
function counting() {
  let decisions: number[] = [];
  const wrap = (store: Store): Store =>
    new Proxy(store, {
      get(target, property) {
        const member: unknown = Reflect.get(target, property);
        if (property !== 'commit') return typeof member === 'function' ? (member.bind(target) as unknown) : member;
        return (request: CommitRequest) =>
          target.commit({
            ...request,
            decide(view) {
              const effects = request.decide(view);
              decisions.push((effects.put?.length ?? 0) + (effects.remove?.length ?? 0));
              return effects;
            },
          });
      },
    });
  const take = () => {
    const taken = decisions;
    decisions = [];
    return taken;
  };
  return { wrap, take };
}

const sync = (daemon: WorldDaemon) => daemon.get('GitSync', 'app') as GitSync;
const reasonOf = (daemon: WorldDaemon) => findCondition(sync(daemon), 'Ready')?.reason;
/** Passes of this size take many turns of the event loop: the world's time waits for them. */
async function settled(daemon: WorldDaemon): Promise<void> {
  for (let before = ''; before !== daemon.fingerprint();) {
    before = daemon.fingerprint();
    await eventually('the passes to end', () => daemon.manager.idle());
    await daemon.settle(10_000);
    await eventually('the passes to end', () => daemon.manager.idle());
  }
}
const maps = (world: World) => world.documents.filter(({ kind }) => kind === 'ConfigMap');
const commitsOf = (world: World) =>
  new Map(
    maps(world).map(({ metadata }) => [metadata.name, metadata.annotations?.['miniaws.dev/source']?.split(' ')[0]]),
  );

it('10,000 documents: applied, one of them changed, 3,000 deleted once that is allowed, each decision a part of it', async () => {
  const world = new World();
  const decisions = counting();
  const daemon = await world.start({ store: decisions.wrap });
  onTestFinished(() => daemon.stop());
  const push = async (files: Record<string, string>) => {
    const commit = world.repositories.push(URL, 'main', files);
    await world.clock.advance(60_000);
    await settled(daemon);
    return commit;
  };
  await daemon.apply({
    kind: 'GitSync',
    metadata: { name: 'app' },
    spec: { url: URL, ref: { branch: 'main' }, interval: '1m', prune: true, pruneGuard: 10 },
  });
  const first = await push(filesOf());
  expect([reasonOf(daemon), maps(world).length]).toEqual(['Synced', DOCUMENTS]);
  expect(Math.max(...decisions.take())).toBeLessThanOrEqual(MOST_AT_ONCE + 1);

  const second = await push(filesOf(0, 4_321));
  const commits = commitsOf(world);
  expect(commits.get('m-4321')).toBe(second);
  expect([...commits.values()].filter((commit) => commit !== first)).toHaveLength(1);
  decisions.take();

  const third = await push(filesOf(GONE, 4_321));
  expect([reasonOf(daemon), maps(world).length]).toEqual(['PruneBlocked', DOCUMENTS]);
  const message = findCondition(sync(daemon), 'Ready')?.message ?? '';
  expect(message).toContain('would delete 3000 of 10000 objects');
  expect(message.length).toBeLessThan(1_000);
  await daemon.apply({
    kind: 'GitSync',
    metadata: { name: 'app', annotations: { 'miniaws.dev/allow-prune': third } },
    spec: { url: URL, ref: { branch: 'main' }, interval: '1m', prune: true, pruneGuard: 10 },
  });
  await settled(daemon);
  expect([reasonOf(daemon), maps(world).length]).toEqual(['Synced', DOCUMENTS - GONE]);
  expect(commitsOf(world).has(`m-${GONE - 1}`)).toBe(false);
  expect(Math.max(...decisions.take())).toBeLessThanOrEqual(MOST_AT_ONCE + 1);
  expect(JSON.stringify(sync(daemon).status).length).toBeLessThan(10_000);

  const before = daemon.fingerprint();
  await world.clock.advance(600_000);
  await settled(daemon);
  expect(daemon.fingerprint()).toBe(before);

  // Each of these is a change that the sync has to look at; one look at all of them is enough.
  const looks = vi.spyOn(daemon.runtimes.get('GitSync')!.controller!, 'observe');
  onTestFinished(() => looks.mockRestore());
  for (let i = GONE; i < GONE + 200; i++) {
    await daemon.apply({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: `m-${i}`, labels: { seen: 'yes' } } });
    await breathe();
  }
  await daemon.apply(
    { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: `m-${GONE}` }, data: { value: 'by hand' } },
    'kubectl-edit',
    true,
  );
  expect(looks).not.toHaveBeenCalled();
  await settled(daemon);
  expect(looks.mock.calls.length).toBeLessThan(5);
  expect(daemon.get('ConfigMap', `m-${GONE}`)).toMatchObject({
    data: { value: 'same' },
    metadata: { labels: { seen: 'yes' } },
  });
});
