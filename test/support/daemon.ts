import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KINDS } from '../../src/kinds/index.ts';
import { ApiClient } from '../../src/cli/client.ts';
import { connectionOf } from '../../src/cli/kubeconfig.ts';
import { freshDatabase } from './database.ts';
import type { TestDatabase } from './database.ts';
import { eventually } from './wait.ts';
import { PROGRAM } from './program.ts';

export interface DaemonOptions {
  engine: 'docker' | 'simulated';
  /** A database to use; a fresh one that is dropped at the end when left out. */
  database?: TestDatabase;
  dataDir?: string;
  env?: Record<string, string>;
  /** Where it listens; a free port by default. */
  listen?: string;
  /** Another build of the program. */
  program?: string;
  /** More of Node's own flags, such as `--cpu-prof`. */
  nodeFlags?: readonly string[];
}

export interface TestDaemon {
  url: string;
  /** PEM. */
  ca: string;
  token: string;
  kubeconfigPath: string;
  dataDir: string;
  database: TestDatabase;
  client: ApiClient;
  process: ChildProcess;
  log: () => string;
  /** SIGTERM and wait for the end; removes what was made for it. */
  stop: () => Promise<void>;
  /** kill -9; what was made for it stays, for the next daemon over the same folder and database. */
  kill: () => Promise<void>;
}

/** The real program in a process of its own, over a real database. */
export async function startDaemon(options: DaemonOptions): Promise<TestDaemon> {
  const database = options.database ?? (await freshDatabase());
  const dataDir = options.dataDir ?? (await mkdtemp(join(tmpdir(), 'miniaws-daemon-')));
  const env = {
    ...process.env,
    DATABASE_URL: database.url,
    MINIAWS_DATA_DIR: dataDir,
    MINIAWS_ENGINE: options.engine,
    MINIAWS_LISTEN: options.listen ?? '127.0.0.1:0',
    MINIAWS_S3_LISTEN: '127.0.0.1:0',
    ...options.env,
  };
  const child = spawn(process.execPath, [...(options.nodeFlags ?? []), options.program ?? PROGRAM, 'serve'], {
    env,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let text = '';
  child.stderr?.on('data', (chunk: Buffer) => (text += chunk.toString('utf8')));
  const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
  const url = await eventually(
    'the daemon to serve',
    () => {
      if (child.exitCode !== null) throw new Error(`the daemon ended: ${text}`);
      return /"url":"(https:[^"]+)".*"msg":"serving"/.exec(text)?.[1];
    },
    30_000,
  ).catch((error: unknown) => {
    child.kill('SIGKILL');
    throw error;
  });
  const kubeconfigPath = join(dataDir, 'admin.kubeconfig');
  const connection = connectionOf({ kubeconfig: kubeconfigPath }, {}, '');
  const client = new ApiClient(connection, KINDS);
  return {
    url,
    ca: connection.ca ?? '',
    token: connection.token ?? '',
    kubeconfigPath,
    dataDir,
    database,
    client,
    process: child,
    log: () => text,
    async stop() {
      client.close();
      child.kill('SIGTERM');
      await ended;
      if (!options.dataDir) await rm(dataDir, { recursive: true, force: true });
      if (!options.database) await database.drop();
    },
    async kill() {
      client.close();
      child.kill('SIGKILL');
      await ended;
    },
  };
}
