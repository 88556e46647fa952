import fc from 'fast-check';
import { check } from 'recheck';
import { describe, expect, it } from 'vitest';
import type { Resource } from '../src/api/metadata.ts';
import { load } from '../src/admission/load.ts';
import { sameJson } from '../src/base/hash.ts';
import { parseDuration } from '../src/base/quantity.ts';
import { mergePatchOf } from '../src/cli/merge-patch.ts';
import { fieldPairs, fieldSelector, labelSelector } from '../src/http/selectors.ts';
import { inheritingLookups, patternsOfSchemas, patternsOfSources } from './support/patterns.ts';
import type { Pattern } from './support/patterns.ts';

/** Milliseconds for the checker to make up its mind about one. */
const CHECK_MS = 20_000;
const LONG = 100_000;
/** A linear pattern takes four times as long for four times the text; what is under this many milliseconds is noise. */
const NOISE_MS = 20;
const LINEAR = 10;
const TRIES = 5;

/** Put together from parts that are written out; each is looked at here by hand when one is added. */
const MADE = [
  'base/quantity.ts: new RegExp(DURATION_PATTERN)',
  "drivers/docker/cgroup.ts: new RegExp(`^${name} (\\\\d+)$`, 'm')",
  'drivers/haproxy/configuration.ts: new RegExp(`^${MARK}([0-9a-f]{${HASH_DIGITS}})$`)',
  'drivers/haproxy/shell.ts: new RegExp(`${END}(\\\\d+)\\n`)',
  "http/records.ts: new RegExp(UUID, 'i')",
  'http/selectors.ts: new RegExp(`^(!?)\\\\s*(${NAME})$`)',
  'http/selectors.ts: new RegExp(`^(${NAME})\\\\s*(==|=|!=)\\\\s*([A-Za-z0-9._-]*)$`)',
  'http/selectors.ts: new RegExp(`^(${NAME})\\\\s+(in|notin)\\\\s+\\\\(([^)]*)\\\\)$`)',
  'kinds/instance/http/exec.ts: new RegExp(`^${collection}/(?<name>[^/]+)/${subresource}$`)',
];

const unique = (patterns: readonly Pattern[]): Pattern[] => [
  ...new Map(patterns.map((pattern) => [`/${pattern.source}/${pattern.flags}`, pattern])).values(),
];

const { literals, made } = patternsOfSources();
const all = unique([...literals, ...patternsOfSchemas()]);

/** Texts that make a pattern which can go back do so. */
const worst = (length: number): string[] =>
  [' ', 'a', '0', '/', '=', '(', '<', '-', '.', ': ', 'a=', '10s', '[a', '\n', 'x:1/'].map((part) =>
    part.repeat(Math.ceil(length / part.length)),
  );

/** The least of a few: what else the machine does makes some of them longer. */
function milliseconds(work: () => unknown): number {
  let least = Infinity;
  for (let i = 0; i < TRIES && least > NOISE_MS; i++) {
    const began = performance.now();
    work();
    least = Math.min(least, performance.now() - began);
  }
  return least;
}

function timeOf(pattern: RegExp, text: string): number {
  return milliseconds(() => {
    pattern.lastIndex = 0;
    return pattern.test(`${text}\u0001`);
  });
}

describe('regular expressions', () => {
  it('none can be made to run longer than linear', { timeout: 300_000 }, async () => {
    const found: string[] = [];
    for (const { where, source, flags } of all) {
      const verdict = await check(source, flags, { timeout: CHECK_MS });
      if (verdict.status !== 'safe') found.push(`${where}: /${source}/${flags}: ${JSON.stringify(verdict)}`);
    }
    expect(found).toEqual([]);
  });

  it('those that are put together are known', () => {
    expect(made.toSorted()).toEqual(MADE.toSorted());
  });

  it('each takes 100 KB of its worst', () => {
    const slow = all.flatMap(({ where, source, flags }) => {
      const pattern = new RegExp(source, flags);
      return worst(LONG).flatMap((text) => {
        const long = timeOf(pattern, text);
        if (long < NOISE_MS) return [];
        const ratio = long / Math.max(1, timeOf(pattern, text.slice(0, LONG / 4)));
        return ratio > LINEAR
          ? [`${where}: /${source}/${flags} on ${JSON.stringify(text.slice(0, 8))}…: ${ratio}`]
          : [];
      });
    });
    expect(slow).toEqual([]);
  });

  it('a selector of 3,500 plus signs is refused', () => {
    expect(() => fieldPairs(`metadata.name${' '.repeat(8)}${'+'.repeat(3_500)}`)).toThrow(/fieldSelector/);
    expect(() => labelSelector('a '.repeat(2_000))).toThrow(/labelSelector/);
    expect(() => labelSelector('('.repeat(4_000))).toThrow(/labelSelector/);
    expect(parseDuration('1'.repeat(LONG))).toBeUndefined();
  });
});

const INHERITED = [
  'constructor',
  'toString',
  'hasOwnProperty',
  'valueOf',
  'isPrototypeOf',
  '__proto__',
  '__defineGetter__',
];
const document = {
  kind: 'Instance',
  metadata: { name: 'web', labels: { app: 'web' } },
  spec: {},
} as unknown as Resource;

describe('a mapping of many keys', () => {
  const text = (keys: number): string => Array.from({ length: keys }, (_, i) => `key-${i}: x`).join('\n');
  const cost = (keys: number): number => {
    const manifest = text(keys);
    return milliseconds(() => expect(load(manifest, 'many.yaml').problems).toEqual([]));
  };

  it('is read in a time that grows with their number, and not with its square', () => {
    cost(1_000);
    const [few, many] = [cost(4_000), cost(32_000)];
    expect(many / few).toBeLessThan(8 * 3);
  });

  it('says where a key stands that is there twice', () => {
    expect(load('a: 1\nb:\n  c: 1\n  d: 2\n  c: 3\n', 'twice.yaml').problems).toEqual([
      { file: 'twice.yaml', place: { line: 5, column: 3 }, message: 'Map keys must be unique' },
    ]);
  });
});

describe('inherited names', () => {
  it.each(INHERITED.filter((name) => name !== '__proto__'))(
    '%s is a member as any other: its removal is a change',
    (name) => {
      expect(sameJson({}, { [name]: 'x' })).toBe(false);
      expect(sameJson({ [name]: 'x' }, {})).toBe(false);
      expect(mergePatchOf({ [name]: 'x', a: 1 }, { a: 2 })).toEqual({ [name]: null, a: 2 });
      expect(mergePatchOf({}, { [name]: 'x' })).toEqual({ [name]: 'x' });
    },
  );

  it.each(INHERITED)('%s matches nothing that is not there', (name) => {
    const matches = (selector: string) => labelSelector(selector)(document);
    if (/^[A-Za-z0-9]/.test(name)) {
      expect(matches(name)).toBe(false);
      expect(matches(`!${name}`)).toBe(true);
      expect(matches(`${name} in (a,b)`)).toBe(false);
      expect(matches(`${name}!=a`)).toBe(true);
      expect(fieldSelector(`metadata.${name}=`)(document)).toBe(true);
      expect(fieldSelector(`${name}.name!=`)(document)).toBe(false);
    }
  });

  it('are asked for nowhere: no look-up with a name that comes from outside finds inherited members', () => {
    // That one asks for inherited names to refuse them.
    expect(inheritingLookups()).toEqual(['admission/fields/patch.ts: token in Object.prototype']);
  });

  it('a label is found by its own name alone, whatever names there are (fast-check)', () => {
    const name = fc.oneof(fc.constantFrom(...INHERITED.filter((n) => !n.startsWith('_'))), fc.constantFrom('app', 'b'));
    fc.assert(
      fc.property(fc.dictionary(name, fc.constantFrom('x', 'y')), name, (labels, asked) => {
        const resource = { ...document, metadata: { ...document.metadata, labels } };
        expect(labelSelector(asked)(resource)).toBe(Object.hasOwn(labels, asked));
      }),
    );
  });
});
