import { defineConfig } from 'vitest/config';
import LongestFirst from './test/support/longest-first.ts';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    globalSetup: ['test/support/global-setup.ts'],
    pool: 'forks',
    // Two cores, and a real Engine behind most of it.
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst },
    // Limits of what hangs, not of what is slow: the machine may be several times slower than usual.
    testTimeout: 300_000,
    hookTimeout: 300_000,
  },
});
