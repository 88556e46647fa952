import type { SimulatedContainer } from '../drivers/simulated/objects.ts';
import { isDeclaredObject } from '../kinds/object/types.ts';
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

interface StoredFile {
  bytes: Buffer;
  at: Date;
  wrong?: string;
}

/** What a person does to a file by hand; without an answer, it is gone. */
export const FILE_TAMPERINGS: Record<string, (file: StoredFile) => StoredFile | undefined> = {
  'rm of its file': () => undefined,
  'a shorter file': (file) => ({ ...file, bytes: file.bytes.subarray(0, -1) }),
  'a longer file': (file) => ({ ...file, bytes: Buffer.concat([file.bytes, Buffer.from('!')]) }),
  'another byte in its file': (file) => ({
    ...file,
    bytes: file.bytes.map((byte, at) => (at === 0 ? byte ^ 1 : byte)) as Buffer,
  }),
  'chmod of its file': (file) => ({ ...file, wrong: 'its mode is 0644 and not 0600' }),
};

/** Does it to the file of every declared object that there is. */
export async function tamperWithFiles(
  world: World,
  tamper: (file: StoredFile) => StoredFile | undefined,
): Promise<void> {
  for (const { metadata, spec } of world.documents.filter(isDeclaredObject)) {
    const row = await world.objects.rows.find(spec.bucket, spec.key);
    const file = row?.declaredBy === metadata.uid ? world.bytes.stored.get(row.id) : undefined;
    if (!row || !file) continue;
    const tampered = tamper(file);
    if (tampered) world.bytes.stored.set(row.id, tampered);
    else world.bytes.stored.delete(row.id);
  }
}
