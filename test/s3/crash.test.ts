import { CreateBucketCommand, GetObjectCommand, ListObjectsV2Command, PutObjectCommand } from '@aws-sdk/client-s3';
import { createHash, randomBytes } from 'node:crypto';
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { startDaemon } from '../support/daemon.ts';
import { databaseForTest } from '../support/database.ts';
import { randomFrom } from '../../src/proof/random.ts';
import { findCondition } from '../../src/api/metadata.ts';
import type { Resource } from '../../src/api/metadata.ts';
import { call } from '../support/http.ts';
import { pathOf } from '../support/manifests.ts';
import { refusal, s3Client, s3Of } from '../support/s3.ts';
import { eventually } from '../support/wait.ts';

const Bucket = 'crash';
const UPLOADS = 200;
const ROUNDS = 4;

async function lasting() {
  const database = await databaseForTest();
  const dataDir = await mkdtemp(join(tmpdir(), 'miniaws-s3-crash-'));
  onTestFinished(() => rm(dataDir, { recursive: true, force: true }));
  return { database, dataDir, start: () => startDaemon({ engine: 'simulated', database, dataDir }) };
}

it(
  'kill -9 during uploads: every acknowledged object is there and right, and no other has other bytes (I11)',
  { timeout: 120_000 },
  async () => {
    const { start } = await lasting();
    const random = randomFrom(20_261_129);
    const contents = new Map<string, Buffer>();
    const acknowledged = new Set<string>();
    let daemon = await start();
    let s3 = s3Client(await s3Of(daemon));
    await s3.send(new CreateBucketCommand({ Bucket }));
    for (let round = 0; round < ROUNDS; round++) {
      const names = Array.from({ length: UPLOADS / ROUNDS }, (_, i) => `${round}/${i}`);
      for (const name of names) contents.set(name, randomBytes(1 + Math.floor(random() * 400_000)));
      const killAfter = Math.floor(random() * names.length);
      const uploads = Promise.allSettled(
        names.map(async (Key) => {
          await s3.send(new PutObjectCommand({ Bucket, Key, Body: contents.get(Key) }));
          acknowledged.add(Key);
        }),
      );
      await eventually('some uploads to be acknowledged', () => acknowledged.size >= killAfter / 2);
      await daemon.kill();
      await uploads;
      s3.destroy();
      daemon = await start();
      s3 = s3Client(await s3Of(daemon));
    }
    const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket }));
    const listed = new Set(Contents.map(({ Key }) => Key!));
    expect([...acknowledged].filter((key) => !listed.has(key))).toEqual([]);
    for (const Key of listed) {
      const body = await (await s3.send(new GetObjectCommand({ Bucket, Key }))).Body!.transformToByteArray();
      expect(Buffer.from(body).equals(contents.get(Key)!)).toBe(true);
    }
    s3.destroy();
    await daemon.stop();
  },
);

it('a daemon with another folder serves none of the objects, and takes none for damaged', async () => {
  const { start, database } = await lasting();
  const first = await start();
  const s3 = s3Client(await s3Of(first));
  await s3.send(new CreateBucketCommand({ Bucket }));
  await s3.send(new PutObjectCommand({ Bucket, Key: 'k', Body: 'x' }));
  const elsewhere = await mkdtemp(join(tmpdir(), 'miniaws-s3-other-'));
  onTestFinished(() => rm(elsewhere, { recursive: true, force: true }));
  await first.kill();
  for (const [adopt, answer] of [
    ['no', '503 ServiceUnavailable'],
    ['yes', '500 InternalError'],
  ]) {
    const env = { MINIAWS_OBJECT_DIR: elsewhere, MINIAWS_ADOPT_OBJECT_DIR: adopt! };
    const second = await startDaemon({ engine: 'simulated', database, dataDir: first.dataDir, env });
    const other = s3Client(await s3Of(second));
    expect(await refusal(other.send(new GetObjectCommand({ Bucket, Key: 'k' })))).toBe(answer);
    const damaged = await database.query('SELECT count(*)::int AS n FROM object_damage');
    expect(damaged).toEqual([{ n: adopt === 'yes' ? 1 : 0 }]);
    other.destroy();
    await second.stop();
  }
  s3.destroy();
});

it('F7: a file that was changed, cut or removed is never answered wrongly; nothing is deleted for it', async () => {
  const { start, dataDir } = await lasting();
  const daemon = await start();
  const s3 = s3Client(await s3Of(daemon));
  try {
    await s3.send(new CreateBucketCommand({ Bucket }));
    const content = randomBytes(300_000);
    const fileOf = async () => {
      const files = (await readdir(join(dataDir, 'objects'), { recursive: true, withFileTypes: true })).filter(
        (each) => each.isFile() && each.name !== 'miniaws-objects',
      );
      const paths = files.map(({ parentPath, name }) => join(parentPath, name));
      const md5 = (bytes: Buffer) => createHash('md5').update(bytes).digest('hex');
      for (const path of paths) if (md5(await readFile(path)) === md5(content)) return path;
      throw new Error('no file has the content');
    };
    const degraded = async () => {
      const bucket = (await call(daemon, 'GET', pathOf('buckets', Bucket))).json<Resource>();
      const found = findCondition(bucket, 'Degraded');
      return found?.reason === 'ObjectsDamaged' ? found : undefined;
    };
    const tamperings: ((path: string) => Promise<void>)[] = [
      async (path) => {
        const bytes = Buffer.from(content);
        bytes.writeUInt8(bytes.readUInt8(5) ^ 1, 5);
        await writeFile(path, bytes);
      },
      (path) => writeFile(path, content.subarray(0, 1_000)),
      (path) => rm(path),
      (path) => chmod(path, 0o644),
    ];
    for (const [i, tamper] of tamperings.entries()) {
      await s3.send(new PutObjectCommand({ Bucket, Key: `${i}`, Body: content }));
      const path = await fileOf();
      await tamper(path);
      const got = refusal(
        s3.send(new GetObjectCommand({ Bucket, Key: `${i}` })).then(({ Body }) => Body!.transformToByteArray()),
      );
      expect(await got).toBe(i < 3 ? '500 InternalError' : 'no refusal');
      await rm(path, { force: true });
      if (i < 3) await eventually('the bucket to tell of it', async () => (await degraded())?.message.includes(`${i}`));
      expect((await s3.send(new ListObjectsV2Command({ Bucket, Prefix: `${i}` }))).KeyCount).toBe(1);
    }
  } finally {
    s3.destroy();
    await daemon.stop();
  }
});
