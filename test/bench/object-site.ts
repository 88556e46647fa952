import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { CreateBucketCommand, GetObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import type { S3Client } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import type { TestDaemon } from '../support/daemon.ts';
import { s3Client, s3Of } from '../support/s3.ts';
import type { FileOrders } from './file-writers.ts';
import type { ObjectOrders, ObjectsMoved } from './object-clients.ts';
import type { Workshop } from './workshop.ts';

const BUCKET = 'bench';
/** Longer than a run: what is signed is signed before the clock starts. */
const EXPIRES_S = 6 * 3_600;

/** A process of its own that does what it is ordered, one thing at a time. */
class Helper<Orders, Result extends object> {
  readonly #child: ChildProcess;

  constructor(workshop: Workshop, file: string, env: Readonly<Record<string, string>> = {}) {
    this.#child = fork(fileURLToPath(new URL(file, import.meta.url)), {
      execArgv: ['--import', 'tsx'],
      env: { ...process.env, ...env },
    });
    workshop.atEnd(() => void this.#child.kill('SIGKILL'));
  }

  async run(orders: Orders): Promise<Result> {
    this.#child.send(orders as object);
    const [told] = (await once(this.#child, 'message')) as [Result | { failure: string }];
    if ('failure' in told) throw new Error(told.failure);
    return told;
  }
}

export const objectClients = (workshop: Workshop) =>
  new Helper<ObjectOrders, ObjectsMoved>(workshop, 'object-clients.ts');

export const fileWriters = (workshop: Workshop, writers: number) =>
  new Helper<FileOrders, { seconds: number }>(workshop, 'file-writers.ts', { UV_THREADPOOL_SIZE: String(writers) });

/** Where objects are put and got. */
export interface ObjectServer {
  port: number;
  get(key: string): Promise<string>;
  put(key: string, bytes: number): Promise<string>;
}

/** Heads of requests to the daemon, by presigned URLs: what signs is not what is measured. */
export async function daemonServer(daemon: TestDaemon): Promise<ObjectServer & { client: S3Client }> {
  const s3 = await s3Of(daemon);
  const client = s3Client(s3, {
    requestChecksumCalculation: 'WHEN_REQUIRED',
    responseChecksumValidation: 'WHEN_REQUIRED',
  });
  await client.send(new CreateBucketCommand({ Bucket: BUCKET }));
  const options = { expiresIn: EXPIRES_S };
  return {
    client,
    port: Number(new URL(s3.endpoint).port),
    get: async (Key) =>
      headOf('GET', await getSignedUrl(client, new GetObjectCommand({ Bucket: BUCKET, Key }), options)),
    put: async (Key, bytes) =>
      headOf('PUT', await getSignedUrl(client, new PutObjectCommand({ Bucket: BUCKET, Key }), options), bytes),
  };
}

/** Of a server of files that needs no signature. */
export const plainServer = (port: number): ObjectServer => ({
  port,
  get: async (key) => headOf('GET', `http://127.0.0.1:${port}/${key}`),
  put: async (key, bytes) => headOf('PUT', `http://127.0.0.1:${port}/${key}`, bytes),
});

export function headOf(method: string, url: string, bodyBytes?: number): string {
  const { host, pathname, search } = new URL(url);
  const length = bodyBytes === undefined ? '' : `content-length: ${bodyBytes}\r\n`;
  return `${method} ${pathname}${search} HTTP/1.1\r\nhost: ${host}\r\n${length}\r\n`;
}
