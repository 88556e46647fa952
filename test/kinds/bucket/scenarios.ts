import fc from 'fast-check';
import type { Scenario } from '../../../src/proof/scenario.ts';
import type { Hints } from '../../support/from-schema.ts';

export const bucketOf = (spec: object = {}) => ({ kind: 'Bucket', metadata: { name: 'files' }, spec });
/** What a client puts. */
const put = (key: string, content = key) => ({ put: content, bucket: 'files', key });

/** What the life of a bucket is made of. */
export const BUCKET_SCENARIOS: readonly Scenario[] = [
  { name: 'a bucket is made', given: [], when: [{ apply: bucketOf() }] },
  {
    name: 'a bucket begins to keep versions, and ends to',
    given: [{ apply: bucketOf() }, put('a')],
    when: [
      { apply: bucketOf({ versioning: 'Enabled' }) },
      { apply: bucketOf({ versioning: 'Suspended' }) },
      { refused: bucketOf(), because: /spec\.versioning: a bucket that has kept versions does not go back to Off/ },
    ],
  },
  {
    name: 'a bucket is shared, and no more',
    given: [{ apply: bucketOf({ grants: [{ namespace: 'shop', permission: 'READ' }] }) }, put('a')],
    when: [
      { apply: bucketOf({ ownership: 'BucketOwnerEnforced', publicAccessBlock: { restrictPublicBuckets: true } }) },
      { refused: bucketOf({ policy: { Statement: [] } }), because: /spec\.policy\.Statement: has at least one/ },
      {
        refused: bucketOf({ grants: [{ permission: 'READ' }] }),
        because: /spec\.grants\[0\]: it is either to a group or to a namespace/,
      },
    ],
  },
  {
    name: 'a bucket keeps versions from deletion, and does not cease to',
    given: [{ apply: bucketOf({ versioning: 'Enabled' }) }],
    when: [
      { apply: bucketOf({ versioning: 'Enabled', objectLock: { defaultRetention: { mode: 'GOVERNANCE', days: 1 } } }) },
      { refused: bucketOf({ versioning: 'Enabled' }), because: /spec\.objectLock: it is not taken back/ },
      {
        refused: bucketOf({ versioning: 'Suspended', objectLock: {} }),
        because: /spec\.versioning: must be Enabled in a bucket with objectLock/,
      },
    ],
  },
  {
    name: 'a bucket that nothing was ever put into is deleted',
    given: [{ apply: bucketOf() }],
    when: [{ delete: 'Bucket/default/files' }],
  },
  {
    name: 'a bucket is deleted with the objects and versions in it',
    given: [{ apply: bucketOf({ versioning: 'Enabled', forceDestroy: true }) }, put('a'), put('a', 'newer'), put('b')],
    when: [{ delete: 'Bucket/default/files' }],
  },
  {
    name: 'a deletion waits for an object, and goes on when the bucket may be destroyed with it',
    given: [{ apply: bucketOf() }, put('a'), { delete: 'Bucket/default/files' }],
    when: [{ apply: bucketOf({ forceDestroy: true }) }],
  },
];

/** What the schema alone does not say of a specification that can be Ready here. */
export const BUCKET_HINTS: Hints = {
  quotaBytes: fc.constantFrom(0, 1_000, '10Mi', '1Gi'),
  policy: fc.constantFrom(
    ...['Allow', 'Deny'].map((Effect) => ({
      Statement: [{ Effect, Principal: '*', Action: 's3:GetObject', Resource: 'arn:aws:s3:::files/*' }],
    })),
  ),
  'grants[]': fc.constantFrom(
    { group: 'AllUsers', permission: 'READ' },
    { namespace: 'shop', permission: 'FULL_CONTROL' },
  ),
  publicAccessBlock: fc.record({ ignorePublicAcls: fc.boolean(), restrictPublicBuckets: fc.boolean() }),
  'lifecycle[].expireAt': fc.constantFrom('2026-01-02T00:00:00Z', '2027-01-01T00:00:00Z'),
  encryption: fc.constantFrom({ algorithm: 'AES256' }, { algorithm: 'aws:kms' }),
  // It wants versioning, which is of another field.
  objectLock: fc.constant(undefined),
};
