import fc from 'fast-check';
import { expect, it } from 'vitest';
import { compareKeys } from '../../../src/base/compare-keys.ts';
import { paired, planOf } from '../../../src/kinds/bucket/cli/sync-plan.ts';

const side = (name: string, sizeBytes = 1, ms = 0) => ({ name, sizeBytes, modifiedAt: new Date(ms) });

async function* sideBySide(names: Iterable<string>) {
  for (const name of [...names].toSorted(compareKeys)) yield side(name);
}

it('names of two lists are paired, each once, in the order of keys', async () => {
  const names = fc.uniqueArray(fc.string({ unit: 'grapheme', maxLength: 4 }), { maxLength: 20 });
  await fc.assert(
    fc.asyncProperty(names, names, async (sources, targets) => {
      const found: string[] = [];
      for await (const { source, target } of paired(sideBySide(sources), sideBySide(targets))) {
        const name = (source ?? target)!.name;
        expect([source?.name, target?.name]).toEqual([
          sources.includes(name) ? name : undefined,
          targets.includes(name) ? name : undefined,
        ]);
        found.push(name);
      }
      expect(found).toEqual([...new Set([...sources, ...targets])].toSorted(compareKeys));
    }),
    { numRuns: 100 },
  );
});

it.each([
  ['missing at the target', side('a'), undefined, {}, false, 'carry'],
  ['missing at the source', undefined, side('a'), {}, false, undefined],
  ['missing at the source, --delete', undefined, side('a'), { delete: true }, false, 'delete'],
  ['of another size', side('a', 1), side('a', 2), { sizeOnly: true }, false, 'carry'],
  ['newer at the source', side('a', 1, 5), side('a', 1, 4), {}, false, 'carry'],
  ['newer at the source, --size-only', side('a', 1, 5), side('a', 1, 4), { sizeOnly: true }, false, undefined],
  ['newer at the target', side('a', 1, 4), side('a', 1, 5), {}, false, undefined],
  ['a download, newer at the source', side('a', 1, 5_000), side('a', 1, 4_000), {}, true, undefined],
  ['a download, newer at the target', side('a', 1, 4_000), side('a', 1, 5_000), {}, true, 'carry'],
  [
    'a download, of the same second',
    side('a', 1, 4_300),
    side('a', 1, 4_000),
    { exactTimestamps: true },
    true,
    undefined,
  ],
  ['a download, exact', side('a', 1, 5_000), side('a', 1, 4_000), { exactTimestamps: true }, true, 'carry'],
] as const)('%s', (_, source, target, rules, isDownload, expected) => {
  expect(planOf({ source, target }, rules, isDownload)).toBe(expected);
});
