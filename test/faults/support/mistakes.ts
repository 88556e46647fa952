import { expect, onTestFinished } from 'vitest';
import { findCondition } from '../../../src/api/metadata.ts';
import { differences, orphans, picture, unrest, untruths } from '../../../src/proof/oracles.ts';
import type { Document } from '../../../src/proof/person.ts';
import { play } from '../../../src/proof/scenario.ts';
import type { Action } from '../../../src/proof/scenario.ts';
import { World } from '../../../src/proof/world.ts';
import type { WorldDaemon } from '../../../src/proof/world.ts';

export const instance = (name: string, spec: object = {}): Document => ({
  kind: 'Instance',
  metadata: { name },
  spec: { image: 'app:1', vpc: 'main', ...spec },
});
/** Longer than the slowest rate of retries. */
export const SLOWEST_MS = 45_000;
/** Changing calls that a resource which cannot be made may cost in ten minutes: its back-off reaches 30 s soon. */
export const RETRIES = 100;

export async function live(): Promise<{ world: World; daemon: WorldDaemon }> {
  const world = new World();
  const daemon = await world.start();
  onTestFinished(() => daemon.stop());
  return { world, daemon };
}

export const readiness = (daemon: WorldDaemon, kind: string, name: string) => {
  const resource = daemon.get(kind, name);
  const { status, reason = '', message = '' } = (resource && findCondition(resource, 'Ready')) ?? {};
  return { status, reason, message };
};

export interface Mistake {
  name: string;
  /** What is done wrong. */
  wrong: readonly Action[];
  /** A person's hands on the Engine, beforehand. */
  prepare?: (world: World) => void;
  says: { kind: string; name: string; reason: string; message: RegExp };
  /** What puts it right. */
  right: readonly Action[];
  mend?: (world: World) => void;
  /** What would have been right from the first: the same end. */
  fresh: readonly Action[];
}

/** A process of somebody else's on the port of the host. */
export function occupy({ engine }: World, port: number): void {
  const theirs = engine.networks.create({
    name: 'theirs',
    cidrBlock: '192.168.9.0/24',
    gateway: '192.168.9.1',
    internal: false,
    labels: {},
  });
  const owner = { uid: '', kind: '', namespace: '', name: '', generation: 0 };
  const spec = {
    owner,
    specHash: '',
    name: 'theirs',
    hostname: 'theirs',
    image: 'theirs:1',
    env: {},
    labels: {},
    ports: [{ hostAddress: '', hostPort: port, containerPort: 80, protocol: 'tcp' as const }],
    mounts: [],
    attachment: { networkId: theirs.id, address: '192.168.9.2', aliases: [] },
    stopGraceMs: 0,
    logs: { maxBytes: 1_000, maxFiles: 1 },
  };
  engine.start(engine.create(spec, {}).id);
}

/** What is done wrong is said, costs little, and is put right; and nothing of others is touched. */
export async function putRight({ wrong, prepare, says, right, mend, fresh }: Mistake): Promise<void> {
  const { world, daemon } = await live();
  prepare?.(world);
  const before = [...world.engine.containers.values()].map((c) => `${c.id} ${c.state}`);
  await play(daemon, wrong);
  await world.clock.advance(600_000);
  expect(readiness(daemon, says.kind, says.name)).toMatchObject({
    reason: says.reason,
    message: expect.stringMatching(says.message),
  });
  expect([...untruths(world, daemon), ...orphans(world)]).toEqual([]);
  expect(world.mutations()).toBeLessThan(RETRIES);
  mend?.(world);
  await play(daemon, right);
  await daemon.settle(SLOWEST_MS);
  const other = await live();
  await play(other.daemon, fresh);
  await other.daemon.settle(SLOWEST_MS);
  const ours = (await picture(world)).filter((line) => !line.includes('somebody else'));
  expect(differences(await picture(other.world), ours)).toEqual([]);
  expect([...untruths(world, daemon), ...orphans(world), ...(await unrest(world, daemon))]).toEqual([]);
  // Nothing of others was touched.
  const theirs = [...world.engine.containers.values()].map((c) => `${c.id} ${c.state}`);
  expect(before.filter((line) => !theirs.includes(line))).toEqual([]);
}
