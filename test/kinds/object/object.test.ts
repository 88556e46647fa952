import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { buffer } from 'node:stream/consumers';
import { Readable } from 'node:stream';
import { findCondition, isReady } from '../../../src/api/metadata.ts';
import { bucketKind } from '../../../src/kinds/bucket/definition.ts';
import type { Bucket } from '../../../src/kinds/bucket/types.ts';
import type { DeclaredObject } from '../../../src/kinds/object/types.ts';
import { unrest } from '../../../src/proof/oracles.ts';
import { FILE_TAMPERINGS, tamperWithFiles } from '../../../src/proof/tampering.ts';
import { World } from '../../../src/proof/world.ts';
import type { WorldDaemon } from '../../../src/proof/world.ts';
import { bucketOf } from '../bucket/scenarios.ts';
import { DECLARED, objectFrom, objectOf } from './scenarios.ts';

let world: World;
let daemon: WorldDaemon;
beforeEach(async () => {
  world = new World();
  daemon = await world.start();
  onTestFinished(() => daemon.stop());
});

const page = () => daemon.get('Object', 'page') as DeclaredObject;
const ready = () => findCondition(page(), 'Ready');
const found = () => world.objects.rows.find(DECLARED.bucket, DECLARED.key);
/** What a reader gets; an error where the bytes are not what was put. */
async function content(): Promise<string | undefined> {
  const row = await found();
  return row && (await buffer(Readable.from(world.objects.read(row)))).toString();
}
const told = async () =>
  (await daemon.store.events({ kind: 'Object', limit: 50 })).items.map(({ record }) => record.message);
const whys = async () =>
  (await daemon.store.log({ kind: 'Object', limit: 50 })).items.flatMap(({ record }) => record.difference);
const URL = `s3://${DECLARED.bucket}/${DECLARED.key}`;

async function written(bucket: object = {}): Promise<void> {
  await daemon.apply(bucketOf(bucket));
  await daemon.apply(objectOf());
  await daemon.settle(15_000);
  expect(isReady(page())).toBe(true);
}

describe('a declared object', () => {
  it.each([
    ['rm of its file', 'the file was deleted'],
    ['a shorter file', 'its bytes are not what was put there'],
    ['a longer file', 'its bytes are not what was put there'],
    ['another byte in its file', 'its bytes are not what was put there'],
    ['chmod of its file', 'its mode is 0644 and not 0600'],
  ])('is put back after %s within seconds, as the same version, and the log says why', async (how, why) => {
    await written();
    const before = await found();
    await tamperWithFiles(world, FILE_TAMPERINGS[how]!);
    await daemon.settle(8_000);
    expect(await content()).toBe(DECLARED.content);
    expect(await world.bytes.look(before!.id)).not.toHaveProperty('wrong');
    expect(await found()).toEqual(before);
    expect(await told()).toContain(`write the file anew of ${URL}: ${why}`);
    expect(await whys()).toContain(why);
    expect(isReady(page())).toBe(true);
    expect(await unrest(world, daemon)).toEqual([]);
  });

  it.each(['Off', 'Enabled'])('that a client replaces or deletes is put back (versions: %s)', async (versioning) => {
    await written({ versioning });
    await daemon.put(DECLARED.bucket, DECLARED.key, 'a client was here');
    await daemon.settle(8_000);
    expect(await content()).toBe(DECLARED.content);
    const bucket = { uid: daemon.get('Bucket', 'files')!.metadata.uid, name: 'files' };
    await world.objects.delete(
      { ...bucket, versioning: versioning as 'Off' | 'Enabled', quotaBytes: undefined },
      DECLARED.key,
    );
    await daemon.settle(8_000);
    expect(await content()).toBe(DECLARED.content);
    expect(await whys()).toEqual(
      expect.arrayContaining(['somebody put another object under the key', 'the object was deleted']),
    );
  });

  it('overwrites nothing that a client had put before, says so, and goes on when that has gone', async () => {
    await daemon.apply(bucketOf());
    await daemon.put(DECLARED.bucket, DECLARED.key, 'mine');
    await daemon.apply(objectOf());
    await daemon.settle(15_000);
    expect(await content()).toBe('mine');
    expect(ready()).toMatchObject({
      status: 'False',
      reason: 'KeyTaken',
      message: `somebody has put ${URL}, and that is not overwritten: delete it, or declare another key`,
    });
    const { uid } = daemon.get('Bucket', 'files')!.metadata;
    await world.objects.delete({ uid, name: 'files', versioning: 'Off', quotaBytes: undefined }, DECLARED.key);
    await daemon.settle(40_000);
    expect([await content(), isReady(page())]).toEqual([DECLARED.content, true]);
  });

  it("whose document is deleted leaves a client's in its place alone", async () => {
    await written();
    await daemon.put(DECLARED.bucket, DECLARED.key, 'mine');
    await daemon.delete('Object/default/page');
    await daemon.settle(15_000);
    expect([page(), await content()]).toEqual([undefined, 'mine']);
  });

  it('follows a Secret, and keeps what it has while that is not there', async () => {
    const secret = (text: string) => ({
      kind: 'Secret',
      metadata: { name: 'keys' },
      stringData: { robots: text },
    });
    await daemon.apply(bucketOf());
    await daemon.apply(objectFrom({ secret: { name: 'keys', key: 'robots' } }));
    await daemon.settle(5_000);
    expect(ready()).toMatchObject({
      reason: 'DependencyNotReady',
      message: 'Secret default/keys is not there: create it',
    });
    await daemon.apply(secret('one'));
    await daemon.settle(5_000);
    expect(await content()).toBe('one');
    await daemon.apply(secret('two'));
    await daemon.settle(5_000);
    expect([await content(), isReady(page())]).toEqual(['two', true]);
    await daemon.delete('Secret/default/keys');
    await daemon.settle(5_000);
    expect([await content(), isReady(page())]).toEqual(['two', false]);
    expect(JSON.stringify([await told(), await whys(), page()])).not.toMatch(/"(one|two)"/);
  });

  it('holds a deleted bucket until its document is deleted too, and goes with one that is destroyed', async () => {
    await written();
    await daemon.delete('Bucket/default/files');
    await daemon.settle(15_000);
    expect(findCondition(daemon.get('Bucket', 'files')!, 'Ready')?.reason).toBe('NotEmpty');
    expect(ready()?.message).toBe('Bucket default/files is being deleted');
    await daemon.apply(bucketOf({ forceDestroy: true }));
    await daemon.settle(15_000);
    expect(daemon.get('Bucket', 'files')).toBeUndefined();
    expect(ready()?.message).toBe('Bucket default/files does not exist; create it');
    await daemon.apply(bucketOf());
    await daemon.settle(15_000);
    expect([await content(), isReady(page())]).toEqual([DECLARED.content, true]);
  });

  it('is deleted with all of its versions from a bucket that is being deleted, at once, and the bucket with it', async () => {
    await written({ versioning: 'Enabled' });
    for (const content of ['two', 'three']) {
      await daemon.apply(objectOf({ content }));
      await daemon.settle(2_000);
    }
    await daemon.delete('Bucket/default/files');
    await daemon.delete('Object/default/page');
    await daemon.settle(1_000);
    expect(world.documents).toEqual([]);
  });

  it('is told of to who deletes its bucket', async () => {
    await written();
    const warnings = () => bucketKind.deleting?.(daemon.get('Bucket', 'files') as Bucket, daemon.store.cached());
    expect(warnings()).toEqual([
      'Bucket default/files is used by Object default/page: its deletion waits until they are deleted, too',
    ]);
    await daemon.apply(bucketOf({ forceDestroy: true }));
    expect(warnings()?.[0]).toContain('what they have put into it goes with it');
    await daemon.delete('Object/default/page');
    expect(warnings()).toEqual([]);
  });

  it('that does not fit into its bucket says so', async () => {
    await daemon.apply(bucketOf({ quotaBytes: 5 }));
    await daemon.apply(objectOf());
    await daemon.settle(15_000);
    expect(ready()).toMatchObject({
      reason: 'Refused',
      message: expect.stringContaining('may hold 5 bytes') as string,
    });
    await daemon.apply(bucketOf({ quotaBytes: 500 }));
    await daemon.settle(15_000);
    expect(isReady(page())).toBe(true);
  });

  it('waits while the place of the bytes is away', async () => {
    await written();
    world.bytes.failure = 'the disk is away';
    await daemon.apply(objectOf({ content: 'newer' }));
    await daemon.settle(15_000);
    expect(ready()).toMatchObject({ reason: 'StorageUnavailable', message: 'the disk is away' });
    expect(findCondition(page(), 'Degraded')?.status).toBe('True');
    world.bytes.failure = undefined;
    await daemon.settle(30_000);
    expect([await content(), isReady(page())]).toEqual(['newer', true]);
  });
});
