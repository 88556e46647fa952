import type { Benchmark } from './figure.ts';
export const scale: Benchmark = { name: 'scale', run: async () => [] };
