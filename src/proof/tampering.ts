import type { SimulatedContainer } from '../drivers/simulated/objects.ts';
import type { World } from './world.ts';

/** What a person does to one container by hand. */
export const TAMPERINGS: Record<string, (world: World, container: SimulatedContainer) => unknown> = {
  'rm -f': ({ engine }, { id }) => engine.remove(id),
  stop: ({ engine }, { id, state }) => state === 'running' && engine.stop(id, 0),
  kill: ({ engine }, { id, state }) => state === 'running' && engine.kill(id),
  pause: ({ engine }, { id, state }) => state === 'running' && engine.pause(id),
  rename: ({ engine }, { id }) => engine.rename(id, `by-hand-${id.slice(0, 12)}`),
  'network disconnect': ({ engine }, { id, attachments }) =>
    [...attachments.keys()].forEach((network) => engine.disconnect(id, network)),
  'a crash of its process': ({ engine }, { id, state }) => state === 'running' && engine.crash(id, 1),
};

/** `docker system prune --all --volumes`: what does not run, what no container uses. */
export function prune({ engine }: World): void {
  for (const { id, state } of engine.containers.values())
    if (state === 'exited' || state === 'created') engine.remove(id);
  const containers = [...engine.containers.values()];
  for (const network of engine.networks.byId.values())
    if (!containers.some((c) => c.attachments.has(network.id))) engine.networks.remove(network.id);
  const used = containers.flatMap((c) => c.spec.mounts.map(({ source }) => ('volume' in source ? source.volume : '')));
  for (const name of engine.volumes.keys()) {
    if (used.includes(name)) continue;
    engine.volumes.delete(name);
    engine.volumeOptions.delete(name);
  }
}
