import { sep } from 'node:path';
import { BaseSequencer } from 'vitest/node';
import type { TestSpecification } from 'vitest/node';

/** The folders with the long files, longest first: whatever starts last runs alone, beside an idle core. */
const LONG = ['faults', 'e2e', 'bench'];

/** Vitest knows how long a file takes only from a run before; on a clean clone it goes by the file's size. */
export default class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = (file: TestSpecification) => {
      const folder = LONG.findIndex((name) => file.moduleId.includes(`${sep}test${sep}${name}${sep}`));
      return folder < 0 ? LONG.length : folder;
    };
    return (await super.sort(files)).toSorted((a, b) => rank(a) - rank(b));
  }
}
