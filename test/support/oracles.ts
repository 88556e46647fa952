import { expect } from 'vitest';
import { isReady, findCondition } from '../../src/api/metadata.ts';
import type { Resource } from '../../src/api/metadata.ts';
import { isInstance } from '../../src/api/instance.ts';
import { specHash } from '../../src/controllers/instance-hash.ts';
import type { World, WorldDaemon } from './world.ts';

/** The six judgements of survival, once, for every test. */

/** 1. Same end: the world without what differs from run to run (uids, ids, times, addresses). */
export function picture(world: World, daemon: WorldDaemon): unknown {
  const nameOf = new Map(
    [...world.database.resources.values()].map((r) => [
      r.metadata.uid,
      `${r.kind}/${r.metadata.namespace}/${r.metadata.name}`,
    ]),
  );
  const containers = [...world.engine.containers.values()].map((c) => {
    const uid = c.labels['miniaws.dev/uid'] ?? '';
    return {
      of: nameOf.get(uid) ?? 'nobody',
      state: c.state,
      hash: c.labels['miniaws.dev/spec-hash'],
      named: c.name.endsWith(uid.slice(0, 8)),
      networks: c.attachments.size,
    };
  });
  const networks = [...world.engine.networks.byId.values()].map((n) => ({
    of: nameOf.get(n.labels['miniaws.dev/uid'] ?? '') ?? 'nobody',
    cidr: n.cidrBlock,
  }));
  const documents = [...world.database.resources.values()].map(documentPicture);
  const inventory = [...world.database.inventory.values()].map(
    (row) => `${row.table} ${row.namespace}/${row.name} ${row.table === 'instances' ? row.status : row.cidrBlock}`,
  );
  const byJson = (list: unknown[]) => list.map((x) => JSON.stringify(x)).sort();
  expect(daemon.manager.idle()).toBe(true);
  return {
    containers: byJson(containers),
    networks: byJson(networks),
    documents: byJson(documents),
    inventory: inventory.sort(),
  };
}

const documentPicture = (r: Resource): unknown => ({
  key: `${r.kind}/${r.metadata.namespace}/${r.metadata.name}`,
  spec: r.spec,
  deleted: r.metadata.deletionTimestamp !== undefined,
  ready: findCondition(r, 'Ready')?.status,
  reason: findCondition(r, 'Ready')?.reason,
});

/** 3. Quiet: looks at everything change nothing and write nothing (I2). */
export async function expectQuiet(world: World, daemon: WorldDaemon, looks = 3): Promise<void> {
  const before = daemon.fingerprint();
  for (let i = 0; i < looks; i++) {
    daemon.manager.notice(undefined, 'oracle', 'resync');
    await world.clock.advance(60_000);
  }
  expect(daemon.fingerprint()).toBe(before);
}

/** 4. No orphan, and nothing of others touched. */
export function expectNoOrphans(world: World): void {
  const uids = new Set([...world.database.resources.values()].map((r) => r.metadata.uid));
  const marked = [...world.engine.containers.values(), ...world.engine.networks.byId.values()].filter(
    (o) => o.labels['miniaws.dev/installation'] !== undefined,
  );
  expect(marked.filter((o) => !uids.has(o.labels['miniaws.dev/uid'] ?? '')).map((o) => o.name)).toEqual([]);
}

/** 5. Truthful status: who says Ready is as its present generation asks. */
export function expectTruth(world: World): void {
  for (const r of world.database.resources.values()) {
    if (!isReady(r) || !isInstance(r)) continue;
    const own = [...world.engine.containers.values()].filter((c) => c.labels['miniaws.dev/uid'] === r.metadata.uid);
    expect(
      own.map((c) => c.labels['miniaws.dev/spec-hash']),
      `${r.metadata.name} says Ready`,
    ).toEqual([specHash(r.spec)]);
    expect(own[0]?.state === 'running').toBe(r.spec.powerState === 'Running');
  }
}

/** 1 to 5 at the end of a run; 6 (recovery without a person) is that the end was reached at all. */
export async function judge(world: World, daemon: WorldDaemon, expected: unknown): Promise<void> {
  expect(picture(world, daemon)).toEqual(expected);
  expectNoOrphans(world);
  expectTruth(world);
  await expectQuiet(world, daemon);
}
