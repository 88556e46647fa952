import { RATES } from './sample.ts';
import type { Rates, Sample } from './sample.ts';
import type { Usage } from '../../../drivers/metering.ts';

/** What an instance may use, as its container has it now. */
interface Limits {
  cpus?: number | undefined;
  memoryBytes?: number | undefined;
}

const COUNTERS = {
  networkReceiveRate: 'networkReceivedBytes',
  networkSendRate: 'networkSentBytes',
  blockReadRate: 'blockReadBytes',
  blockWriteRate: 'blockWrittenBytes',
} as const satisfies Record<keyof Rates, keyof Usage>;

/** `before`: the reading before this one of the same process; without it there are no rates yet. */
export function sampleOf(instanceId: string, usage: Usage, before: Usage | undefined, limits: Limits): Sample {
  const limit = limits.memoryBytes ?? usage.memoryLimitBytes;
  const nanoseconds = perSecond(usage, before, 'cpuNanoseconds');
  // A process that has used less than before is another one: nothing of it can be compared.
  const comparable = nanoseconds === undefined ? undefined : before;
  return {
    instanceId,
    at: usage.at,
    memoryBytes: usage.memoryBytes,
    ...(limit !== undefined && { memoryLimitBytes: limit }),
    ...(nanoseconds !== undefined && { cpuPercent: (nanoseconds / 1e9 / (limits.cpus ?? 1)) * 100 }),
    ...Object.fromEntries(
      RATES.flatMap((rate) => {
        const value = perSecond(usage, comparable, COUNTERS[rate]);
        return value === undefined ? [] : [[rate, value]];
      }),
    ),
  };
}

/** `undefined`: one of both is not known, or it has begun anew. */
function perSecond(
  usage: Usage,
  before: Usage | undefined,
  counter: (typeof COUNTERS)[keyof Rates] | 'cpuNanoseconds',
): number | undefined {
  const [now, then] = [usage[counter], before?.[counter]];
  const seconds = (usage.monotonicMs - (before?.monotonicMs ?? Number.NaN)) / 1_000;
  if (now === undefined || then === undefined || now < then || !(seconds > 0)) return undefined;
  return (now - then) / seconds;
}
