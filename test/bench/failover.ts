import type { Benchmark } from './figure.ts';
export const failover: Benchmark = { name: 'failover', run: async () => [] };
