import type { Clock } from '../../base/clock.ts';
import type { Usage } from '../metering.ts';

/** What the Engine answers to `GET /containers/ID/stats`, as far as it is used; members are missing where they cannot be told. */
export interface EngineStats {
  cpu_stats?: { cpu_usage?: { total_usage?: number } };
  memory_stats?: { usage?: number; stats?: Record<string, number> };
  networks?: Record<string, { rx_bytes: number; tx_bytes: number }>;
  blkio_stats?: { io_service_bytes_recursive?: { op: string; value: number }[] | null };
}

/**
 * `undefined`: the container does not run, or its host does not tell. The limit is left out: where there is none the
 * Engine tells its host's memory for it.
 */
export function usageOf(stats: EngineStats, clock: Clock): Usage | undefined {
  const cpuNanoseconds = stats.cpu_stats?.cpu_usage?.total_usage;
  const used = stats.memory_stats?.usage;
  if (cpuNanoseconds === undefined || used === undefined) return undefined;
  const { total_inactive_file, inactive_file } = stats.memory_stats?.stats ?? {};
  const inactive = total_inactive_file ?? inactive_file ?? 0;
  const interfaces = stats.networks && Object.values(stats.networks);
  const blocks = stats.blkio_stats?.io_service_bytes_recursive;
  const bytes = (op: string) =>
    (blocks ?? []).reduce((sum, block) => sum + (block.op.toLowerCase() === op ? block.value : 0), 0);
  return {
    cpuNanoseconds,
    memoryBytes: inactive < used ? used - inactive : used,
    ...(interfaces && {
      networkReceivedBytes: interfaces.reduce((sum, { rx_bytes }) => sum + rx_bytes, 0),
      networkSentBytes: interfaces.reduce((sum, { tx_bytes }) => sum + tx_bytes, 0),
    }),
    ...(blocks && { blockReadBytes: bytes('read'), blockWrittenBytes: bytes('write') }),
    at: clock.now(),
    monotonicMs: clock.monotonic(),
  };
}
