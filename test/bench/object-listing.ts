import { CreateBucketCommand, HeadBucketCommand, ListObjectsV2Command } from '@aws-sdk/client-s3';
import type { ListObjectsV2CommandInput, S3Client } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import type { TestDaemon } from '../support/daemon.ts';
import { s3Client, s3Of } from '../support/s3.ts';
import { atMost, median, pairs, percentile, summary, timed } from './figure.ts';
import type { Figure } from './figure.ts';
import { headOf } from './object-site.ts';
import type { objectClients } from './object-site.ts';
import type { Workshop } from './workshop.ts';

const LARGE = 'large';
const KEYS = 1_000_000;
/** The second half of the keys is in folders of this many. */
const IN_FOLDER = 100;
const PAGE = 1_000;
const PAGES = 100;
const RESTARTS = 5;
const GOAL = { pageMs: 20, restart: 1.1 };

/** Half of its keys are `aNNNNNNN`, half `fNNNNN/NN`. */
const ROWS = `INSERT INTO objects (id, arn, bucket, key, size_bytes, content_type, sequence, etag, piece_sums, headers, metadata, tags)
SELECT gen_random_uuid(), 'arn:miniaws:s3:::${LARGE}/' || key, '${LARGE}', key, 1024, 'binary/octet-stream', n,
  md5(key), decode('00000000', 'hex'), '{}', '{}', '{}'
FROM (SELECT n, CASE WHEN n < $1::int / 2 THEN 'a' || lpad(n::text, 7, '0')
  ELSE 'f' || lpad((n / ${IN_FOLDER})::text, 5, '0') || '/' || lpad((n % ${IN_FOLDER})::text, 2, '0') END AS key
  FROM generate_series(0, $1::int - 1) AS n) AS keys`;
const USE = `INSERT INTO buckets (id, name, objects, size_bytes, sequence)
SELECT uid, name, $1::bigint, $1::bigint * 1024, $1::bigint FROM resources WHERE kind = 'Bucket' AND name = '${LARGE}'`;

/** Pages of a bucket with a million keys. */
export async function listed(
  daemon: TestDaemon,
  client: S3Client,
  clients: ReturnType<typeof objectClients>,
): Promise<Figure[]> {
  await client.send(new CreateBucketCommand({ Bucket: LARGE }));
  await daemon.database.query(ROWS, [KEYS]);
  await daemon.database.query(USE, [KEYS]);
  await daemon.database.query('VACUUM ANALYZE objects');
  const port = Number(new URL((await s3Of(daemon)).endpoint).port);
  const pageFrom = async (name: string, query: Omit<ListObjectsV2CommandInput, 'Bucket'>, note: string) => {
    const command = new ListObjectsV2Command({ Bucket: LARGE, MaxKeys: PAGE, ...query });
    await checkWhole(client, command);
    const head = headOf('GET', await getSignedUrl(client, command));
    const requests = Array.from({ length: PAGES }, () => ({ head, bodyBytes: 0 }));
    // Once to warm up, and once that counts.
    await clients.run({ port, clients: 1, requests });
    const { tookMs } = await clients.run({ port, clients: 1, requests });
    const p95 = percentile(tookMs, 95);
    return {
      name: `objects/${name}`,
      value: p95,
      unit: 'ms',
      samples: PAGES,
      goal: atMost(p95, GOAL.pageMs, `<= ${GOAL.pageMs} ms`),
      note: `p95, ${note}; p50 ${median(tookMs).toFixed(1)} ms`,
    };
  };
  return [
    await pageFrom('page', { StartAfter: 'a0250000' }, `${PAGE} of ${KEYS} keys`),
    await pageFrom('page-delimiter', { StartAfter: 'a0250000', Delimiter: '/' }, 'delimiter, keys without it'),
    await pageFrom('page-prefixes', { StartAfter: 'f07500/', Delimiter: '/' }, `delimiter, ${PAGE} common prefixes`),
  ];
}

/** What is measured is a page with all that was asked for. */
async function checkWhole(client: S3Client, command: ListObjectsV2Command): Promise<void> {
  const { KeyCount, IsTruncated } = await client.send(command);
  if (KeyCount !== PAGE || !IsTruncated) throw new Error(`a page has ${KeyCount} keys, and not ${PAGE}`);
}

/** From its start until a bucket is answered for: over a million rows of objects, and over none. */
export async function restarted(workshop: Workshop, daemon: TestDaemon): Promise<Figure> {
  const without = await workshop.daemon({ engine: 'simulated' });
  const client = s3Client(await s3Of(without));
  await client.send(new CreateBucketCommand({ Bucket: LARGE }));
  client.destroy();
  const [ours, floor] = [daemon, without].map((of) => {
    let current = of;
    return async () => {
      await current.stop();
      return timed(async () => {
        current = await workshop.daemon({ engine: 'simulated', database: of.database, dataDir: of.dataDir });
        await answered(current);
      });
    };
  }) as [() => Promise<number>, () => Promise<number>];
  const measured = summary(await pairs(RESTARTS, ours, floor));
  return {
    name: 'objects/restart',
    ...measured,
    unit: 'ms',
    goal: atMost(measured.ratio, GOAL.restart, `no slower: ratio <= ${GOAL.restart}`),
    note: `with ${KEYS} objects; floor: with none`,
  };
}

async function answered(daemon: TestDaemon): Promise<void> {
  const client = s3Client(await s3Of(daemon));
  await client.send(new HeadBucketCommand({ Bucket: LARGE }));
  client.destroy();
}
