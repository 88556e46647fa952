import { expect, it } from 'vitest';
import { findCondition } from '../../../src/api/metadata.ts';
import { play } from '../../../src/proof/scenario.ts';
import { unrest, untruths } from '../../../src/proof/oracles.ts';
import type { World, WorldDaemon } from '../../../src/proof/world.ts';
import { instance, live } from '../../faults/support/mistakes.ts';
import { mainVpc } from './scenarios.ts';

/** Longer than every document is looked at again. */
const RESYNC_MS = 400_000;

const apply = (daemon: WorldDaemon) => play(daemon, [{ apply: mainVpc }, { apply: instance('web') }]);
const conditionsOf = (daemon: WorldDaemon) => {
  const vpc = daemon.get('VPC', 'main')!;
  return ['Ready', 'Degraded'].map((type) => findCondition(vpc, type)?.status);
};
const isRunning = ({ engine }: World) => [...engine.containers.values()].map(({ state }) => state);

it('a host whose firewall cannot be set: it is said, instances run, and it is set once it can be', async () => {
  const { world, daemon } = await live();
  world.engine.firewallFailure = 'iptables: not found';
  await apply(daemon);
  await daemon.settle();
  expect(conditionsOf(daemon)).toEqual(['True', 'True']);
  expect(findCondition(daemon.get('VPC', 'main')!, 'Degraded')).toMatchObject({ reason: 'MetadataUnguarded' });
  expect(isRunning(world)).toEqual(['running']);
  const calls = world.mutations();
  await world.clock.advance(RESYNC_MS);
  expect(world.mutations()).toBe(calls);
  world.engine.firewallFailure = undefined;
  await world.clock.advance(60_000);
  await daemon.settle();
  expect(world.engine.metadataAccess).toBe('closed');
  expect(conditionsOf(daemon)).toEqual(['True', 'False']);
  expect([...untruths(world, daemon), ...(await unrest(world, daemon))]).toEqual([]);
});

it('F7: a rule that somebody takes away, and a network that somebody removes, are mended', async () => {
  const { world, daemon } = await live();
  await apply(daemon);
  await daemon.settle();
  expect(world.engine.metadataAccess).toBe('closed');
  world.engine.metadataAccess = 'open';
  await world.clock.advance(RESYNC_MS);
  expect(world.engine.metadataAccess).toBe('closed');
  const [container] = world.engine.containers.keys();
  const [network] = world.engine.networks.byId.keys();
  world.engine.remove(container!);
  world.engine.networks.remove(network!);
  await daemon.settle();
  expect(world.engine.networks.byId.has(network!)).toBe(false);
  expect(world.engine.metadataAccess).toBe('closed');
  expect(isRunning(world)).toEqual(['running']);
});
