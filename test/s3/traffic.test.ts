import { CreateBucketCommand, GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { startDaemon } from '../support/daemon.ts';
import { call } from '../support/http.ts';
import { refusal, s3Client, s3Of } from '../support/s3.ts';
import { eventually } from '../support/wait.ts';

const Bucket = 'counted';

it("requests of S3's API are counted, and told where that is wanted; buckets say how much they hold, and what is damaged", async () => {
  const daemon = await startDaemon({
    engine: 'simulated',
    env: { MINIAWS_S3_ACCESS_LOG: 'yes', MINIAWS_LOG_LEVEL: 'info' },
  });
  const keys = await s3Of(daemon);
  const s3 = s3Client(keys);
  try {
    await s3.send(new CreateBucketCommand({ Bucket }));
    await s3.send(new PutObjectCommand({ Bucket, Key: 'a b.txt', Body: 'x'.repeat(1_000) }));
    const get = new GetObjectCommand({ Bucket, Key: 'a b.txt' });
    const url = await getSignedUrl(s3, get);
    expect((await fetch(url)).status).toBe(200);
    expect(await refusal(s3.send(new GetObjectCommand({ Bucket, Key: 'none' })))).toBe('404 NoSuchKey');
    await eventually('the requests in the log', () => daemon.log().includes('"error":"NoSuchKey"'));
    const lines = daemon
      .log()
      .split('\n')
      .filter((line) => line.includes('"msg":"S3 request"'))
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(lines.map(({ operation, code }) => [operation, code])).toEqual([
      ['CreateBucket', 200],
      ['PutObject', 200],
      ['GetObject', 200],
      ['GetObject', 404],
    ]);
    expect(lines[1]).toMatchObject({ bucket: Bucket, key: 'a b.txt', error: '', address: '127.0.0.1' });
    expect(Number(lines[1]?.['received'])).toBeGreaterThanOrEqual(1_000);
    // Who has the log has no link, and no secret.
    const signature = new URL(url).searchParams.get('X-Amz-Signature') ?? '';
    for (const secret of [signature, keys.secretAccessKey]) expect(daemon.log()).not.toContain(secret);

    const metrics = async () => (await call(daemon, 'GET', '/metrics')).text;
    const told = await metrics();
    expect(told).toContain('miniaws_s3_request_seconds_count{operation="GetObject",code="200"} 1');
    expect(told).toContain('miniaws_s3_errors_total{error="NoSuchKey"} 1');
    expect(told).toContain(`miniaws_bucket_objects{namespace="default",name="${Bucket}"} 1`);
    expect(told).toContain(`miniaws_bucket_bytes{namespace="default",name="${Bucket}"} 1000`);
    const folder = join(daemon.dataDir, 'objects');
    for (const file of await readdir(folder, { recursive: true, withFileTypes: true }))
      if (file.isFile() && /^[0-9a-f-]{36}$/.test(file.name)) await rm(join(file.parentPath, file.name));
    await refusal(s3.send(get));
    await eventually('the damage in the metrics', async () =>
      (await metrics()).includes(`miniaws_bucket_damaged_objects{namespace="default",name="${Bucket}"} 1`),
    );
  } finally {
    s3.destroy();
    await daemon.stop();
  }
});
