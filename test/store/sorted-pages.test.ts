import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { KINDS } from '../../src/kinds/index.ts';
import type { Resource } from '../../src/api/metadata.ts';
import { Mirror } from '../../src/store/mirror.ts';

const KIND = 'Instance';
const orderKey = ({ metadata }: Resource): string => `${metadata.namespace}/${metadata.name}`;
const document = (namespace: string, name: string): Resource =>
  ({
    kind: KIND,
    metadata: { uid: `${namespace}/${name}`, namespace, name },
    spec: { vpc: 'main', ports: [] },
  }) as never;

/** Names of which some begin as others do, and some sort around the slash. */
const name = fc.constantFrom('a', 'a-b', 'a0', 'ab', 'b', 'b-1', 'c', 'z');
const change = fc.record({ namespace: name, name, isRemoved: fc.boolean() });

describe('pages of the mirror', () => {
  it('are what a sort of everything would have answered, in order, whatever was put and removed before', () => {
    fc.assert(
      fc.property(
        fc.array(change, { maxLength: 60 }),
        fc.option(name, { nil: undefined }),
        fc.integer({ min: 1, max: 7 }),
        (changes, namespace, most) => {
          const mirror = new Mirror(KINDS);
          const all = new Map<string, Resource>();
          for (const { isRemoved, ...ref } of changes) {
            const resource = document(ref.namespace, ref.name);
            if (isRemoved) mirror.remove({ kind: KIND, ...ref });
            else mirror.set(resource);
            if (isRemoved) all.delete(orderKey(resource));
            else all.set(orderKey(resource), resource);
          }
          const expected = [...all.values()]
            .filter((r) => namespace === undefined || r.metadata.namespace === namespace)
            .map(orderKey)
            .toSorted();
          const seen: string[] = [];
          for (let more = 1; more > 0;) {
            const page = mirror.page(KIND, { namespace, after: seen.at(-1) ?? '', most });
            seen.push(...page.items.map(orderKey));
            ({ more } = page);
            expect(more).toBe(expected.length - seen.length);
          }
          expect(seen).toEqual(expected);
          expect(mirror.list(KIND, namespace).map(orderKey)).toEqual(expected);
        },
      ),
    );
  });
});
