import { relative } from 'node:path';
import type { Reporter, TestModule } from 'vitest/node';

/** Files that are told of at the end of a run. */
const TOLD = 10;

/** Says at the end of a run which files took longest, so that whoever makes one slow sees it. */
export default class Slowest implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const taken = modules.map((module) => ({
      file: relative(process.cwd(), module.moduleId),
      ms: module.diagnostic().duration,
    }));
    const slowest = taken.toSorted((a, b) => b.ms - a.ms).slice(0, TOLD);
    const lines = slowest.map(({ file, ms }) => `${(ms / 1_000).toFixed(1).padStart(8)} s  ${file}\n`);
    process.stdout.write(`\nThe files that took longest:\n${lines.join('')}`);
  }
}
