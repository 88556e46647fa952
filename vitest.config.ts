import { defineConfig } from 'vitest/config';
import LongestFirst from './test/support/longest-first.ts';
import Slowest from './test/support/slowest.ts';

/** In memory alone: no Engine, no PostgreSQL, no process of its own. */
const UNIT = [
  'test/{examples,layers,readme}.test.ts',
  'test/{admission,api,base,engine,operator}/**/*.test.ts',
  'test/kinds/!(toy)/*.test.ts',
  'test/cli/{explain,parts}.test.ts',
  'test/drivers/*.test.ts',
  'test/drivers/git/{failures,file-filter,forges,refs,remote-url,webhook}.test.ts',
  'test/drivers/{haproxy,simulated}/*.test.ts',
  'test/drivers/docker/{cgroup,container-view,errors,faults,output,registry-auth}.test.ts',
  'test/drivers/proxies/simulated.test.ts',
  'test/host/{certificates,data-folder}.test.ts',
  'test/http/spdy/*.test.ts',
  'test/drivers/objects/memory.test.ts',
  'test/s3/{memory-rows,objects}.test.ts',
  'test/s3/wire/*.test.ts',
  'test/store/{late-answers,memory-store,sorted-pages}.test.ts',
];
/** Long proofs in memory. */
const MODEL = [
  'test/faults/{misoperation,misoperation-groups,misoperation-syncs,schedules,spec-walks,starvation}.test.ts',
  'test/faults/side-effects{,-!(real)}.test.ts',
];

export default defineConfig({
  test: {
    pool: 'forks',
    // Two cores, and a real Engine behind most of it.
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst },
    // Limits of what hangs, not of what is slow: the machine may be several times slower than usual.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    reporters: ['default', new Slowest()],
    projects: [
      { extends: true, test: { name: 'unit', include: UNIT, isolate: false } },
      { extends: true, test: { name: 'model', include: MODEL, isolate: false } },
      {
        extends: true,
        test: {
          name: 'system',
          include: ['test/**/*.test.ts'],
          exclude: [...UNIT, ...MODEL],
          globalSetup: ['test/support/global-setup.ts'],
        },
      },
    ],
  },
});
