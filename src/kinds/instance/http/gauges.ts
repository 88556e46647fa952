import { Gauge } from 'prom-client';
import type { Registry } from 'prom-client';
import type { Resource } from '../../../api/metadata.ts';
import { sharedLook } from '../../../http/shared-look.ts';
import type { Sample } from '../metrics/sample.ts';
import { readingsOf } from './readings.ts';
import type { Reading, SampledContext } from './readings.ts';

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
  const look = sharedLook(context.clock, () => lookAt(context));
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

async function lookAt(context: SampledContext): Promise<Look> {
  const instances = [...context.informer.view.list('Instance')];
  // A database that is away leaves the other metrics as they are.
  const readings = await readingsOf(context, instances).catch((): ReadonlyMap<string, Reading> => new Map());
  return { instances, readings };
}
