import { systemClock } from '../base/clock.ts';
import type { Config } from '../base/config.ts';
import { messageOf } from '../base/errors.ts';
import { silentLog } from '../base/log.ts';
import type { Compute } from '../drivers/compute.ts';
import { createDockerCompute } from '../drivers/docker/docker-compute.ts';

/** In the order in which they can go: what holds others first. */
const TYPES = ['container', 'network', 'volume', 'image'] as const;

/** Something on the Engine that bears this installation's mark. */
export interface Marked {
  type: (typeof TYPES)[number];
  id: string;
  name: string;
}

export interface EngineContents {
  engineId: string;
  marked: readonly Marked[];
}

/** Everything on the Engine with this installation's mark, as of now. Throws when the Engine does not answer. */
export const contentsOf = (config: Config, installation: string): Promise<EngineContents> =>
  withCompute(config, installation, async (compute) => ({
    engineId: await compute.engineId(),
    marked: await markedOn(compute),
  }));

/** Removes it all, by mark, then by id. @returns what is still there afterwards, and why as far as it is known. */
export async function removeContents(
  config: Config,
  installation: string,
): Promise<{ removed: readonly Marked[]; left: readonly (Marked & { why: string })[] }> {
  const why = new Map<string, string>();
  const removed = await withCompute(config, installation, async (compute) => {
    const marked = await markedOn(compute);
    for (const type of TYPES) {
      // Once no container is left that it is for. That takes an image, which is made where it is gone.
      if (type === 'network' && marked.some((m) => m.type === 'network' || m.type === 'image'))
        await compute.openMetadataAccess().catch(() => undefined);
      const these = (type === 'image' ? await markedOn(compute) : marked).filter((m) => m.type === type);
      // Of networks one at a time: Engine 20.10 loses count of them else.
      if (type === 'network') for (const one of these) await remove(compute, one, why);
      else await Promise.all(these.map((one) => remove(compute, one, why)));
    }
    return marked;
  });
  // Looked at anew, without what the removals left in a cache.
  const { marked } = await contentsOf(config, installation);
  const left = marked.map((m) => ({ ...m, why: why.get(m.id) ?? 'it came while the others went' }));
  return { removed: removed.filter((m) => !left.some((l) => l.id === m.id)), left };
}

/** `2 containers, 1 network, …`, of every type. */
export const countsOf = (marked: readonly Marked[]): string =>
  TYPES.map((type) => {
    const n = marked.filter((m) => m.type === type).length;
    return `${n} ${type}${n === 1 ? '' : 's'}`;
  }).join(', ');

/** A line of every type that there is one of, with their names. */
export const listOfMarked = (marked: readonly Marked[]): string[] =>
  TYPES.flatMap((type) => {
    const names = marked.filter((m) => m.type === type).map((m) => m.name);
    const what = type === 'volume' ? `${type}s, with their data` : `${type}s`;
    return names.length === 0 ? [] : [`${what}: ${names.toSorted().join(', ')}`];
  });

async function markedOn(compute: Compute): Promise<Marked[]> {
  const found = compute.everything();
  if (found.state !== 'present') throw new Error('the Engine does not say what is on it');
  const [volumes, images] = await Promise.all([compute.volumes(), compute.ownImages()]);
  return [
    ...found.value.filter(({ type }) => type !== 'volume'),
    ...volumes.map(({ name }) => ({ type: 'volume' as const, id: name, name })),
    ...images.map(({ id, references }) => ({ type: 'image' as const, id, name: references[0] ?? id })),
  ];
}

async function remove(compute: Compute, { type, id }: Marked, why: Map<string, string>): Promise<void> {
  try {
    switch (type) {
      case 'container':
        return await compute.removeContainer(id);
      case 'network':
        return await compute.removeNetwork(id);
      case 'volume':
        return await compute.removeVolume(id);
      case 'image':
        return await compute.removeImage(id);
    }
  } catch (error) {
    why.set(id, messageOf(error));
  }
}

async function withCompute<T>(config: Config, installation: string, fn: (compute: Compute) => Promise<T>): Promise<T> {
  const compute = createDockerCompute({ installation, host: config.dockerHost, log: silentLog, clock: systemClock });
  await compute.open();
  try {
    const outage = compute.outage();
    if (outage !== undefined) throw new Error(`the Engine does not answer: ${outage}`);
    return await fn(compute);
  } finally {
    await compute.close();
  }
}
