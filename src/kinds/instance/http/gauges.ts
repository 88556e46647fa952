import { Gauge } from 'prom-client';
import type { Registry } from 'prom-client';
import type { Resource } from '../../../api/metadata.ts';
import type { Sample } from '../metrics/sample.ts';
import { readingsOf } from './readings.ts';
import type { Reading, SampledContext } from './readings.ts';

/** Milliseconds for which one look serves all gauges: a scrape asks them one after the other. */
const SHARED_MS = 500;

const GAUGES: readonly (readonly [string, string, (sample: Sample) => number | undefined])[] = [
  ['cpu_percent', 'Cpu, of the limit; of one core where there is none', (s) => s.cpuPercent],
  ['memory_bytes', 'Memory, without the page cache that can be had back', (s) => s.memoryBytes],
  ['memory_limit_bytes', 'The limit of its memory', (s) => s.memoryLimitBytes],
  ['network_receive_bytes_per_second', 'Received', (s) => s.networkReceiveRate],
  ['network_send_bytes_per_second', 'Sent', (s) => s.networkSendRate],
  ['block_read_bytes_per_second', 'Read from block devices', (s) => s.blockReadRate],
  ['block_write_bytes_per_second', 'Written to block devices', (s) => s.blockWriteRate],
];

/** What each running instance uses, at /metrics; of what is not known there is no line. */
export function instanceGauges(registry: Registry, context: SampledContext): void {
  const look = sharedLook(context);
  for (const [name, help, valueOf] of GAUGES)
    new Gauge({
      name: `miniaws_instance_${name}`,
      help,
      labelNames: ['namespace', 'name'],
      registers: [registry],
      async collect() {
        const { instances, readings } = await look();
        this.reset();
        for (const { metadata } of instances) {
          const sample = readings.get(metadata.uid)?.sample;
          const value = sample && valueOf(sample);
          if (value !== undefined) this.set({ namespace: metadata.namespace, name: metadata.name }, value);
        }
      },
    });
}

interface Look {
  instances: readonly Resource[];
  readings: ReadonlyMap<string, Reading>;
}

function sharedLook(context: SampledContext): () => Promise<Look> {
  let last: { at: number; look: Promise<Look> } | undefined;
  return () => {
    const now = context.clock.monotonic();
    if (!last || now - last.at > SHARED_MS) {
      const instances = [...context.informer.view.list('Instance')];
      // A database that is away leaves the other metrics as they are.
      const readings = readingsOf(context, instances).catch((): ReadonlyMap<string, Reading> => new Map());
      last = { at: now, look: readings.then((found) => ({ instances, readings: found })) };
    }
    return last.look;
  };
}
