import fc from 'fast-check';
import type { Scenario } from '../../../src/proof/scenario.ts';
import type { Hints } from '../../support/from-schema.ts';
import { bucketOf } from '../bucket/scenarios.ts';

/** What every one of them has. */
export const DECLARED = { bucket: 'files', key: 'site/index.html', content: '<h1>Hello</h1>' };
export const objectOf = (spec: object = {}, name = 'page') => ({
  kind: 'Object',
  metadata: { name },
  spec: { ...DECLARED, ...spec },
});
const { content: _, ...WITHOUT_CONTENT } = DECLARED;
export const objectFrom = (contentFrom: object) => ({ ...objectOf(), spec: { ...WITHOUT_CONTENT, contentFrom } });
const map = (text: string) => ({ kind: 'ConfigMap', metadata: { name: 'texts' }, data: { page: text } });
const FROM_MAP = objectFrom({ configMap: { name: 'texts', key: 'page' } });
const VERSIONED = bucketOf({ versioning: 'Enabled' });

/** What the life of a declared object is made of. */
export const OBJECT_SCENARIOS: readonly Scenario[] = [
  {
    name: 'an object is written, and no other is declared under its key',
    given: [{ apply: bucketOf() }],
    when: [
      { apply: objectOf({ contentType: 'text/html', metadata: { author: 'anna' } }) },
      { refused: objectOf({}, 'other'), because: /spec\.key: is declared by Object default\/page already/ },
    ],
  },
  {
    name: 'its content, its type and its metadata change',
    given: [{ apply: bucketOf() }, { apply: objectOf() }],
    when: [{ apply: objectOf({ content: 'other', contentType: 'text/plain', metadata: { a: 'b' } }) }],
  },
  {
    name: 'the ConfigMap that its content comes from is made, and changes',
    given: [{ apply: bucketOf() }, { apply: map('one') }, { apply: FROM_MAP }],
    when: [{ apply: map('two') }],
  },
  {
    name: 'it waits for its bucket',
    given: [],
    when: [{ apply: objectOf() }, { apply: bucketOf() }],
  },
  {
    name: 'it is deleted',
    given: [{ apply: bucketOf() }, { apply: objectOf() }],
    when: [{ delete: 'Object/default/page' }],
  },
  {
    name: 'it is deleted from a bucket with versions',
    given: [{ apply: VERSIONED }, { apply: objectOf() }],
    when: [{ delete: 'Object/default/page' }],
  },
  {
    name: 'it is deleted together with its bucket',
    given: [{ apply: VERSIONED }, { apply: objectOf() }],
    when: [{ delete: 'Bucket/default/files' }, { delete: 'Object/default/page' }],
  },
];

/** What the schema alone does not say of a specification that can be Ready here. */
export const OBJECT_HINTS: Hints = {
  bucket: fc.constant(DECLARED.bucket),
  key: fc.constant(DECLARED.key),
  content: fc.string({ maxLength: 20, unit: 'grapheme' }),
  // One source at a time.
  contentBase64: fc.constant(undefined),
  contentFrom: fc.constant(undefined),
  contentType: fc.constantFrom('text/html', 'application/json', 'binary/octet-stream'),
};
