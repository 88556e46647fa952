import type { SideStore } from '../../../store/beside.ts';
import { MemoryMetrics } from './memory-metrics.ts';
import type { MetricsStore } from './metrics-store.ts';
import { postgresMetrics } from './postgres-metrics.ts';

export const METRICS: SideStore<MetricsStore> = { postgres: postgresMetrics, memory: () => new MemoryMetrics() };
