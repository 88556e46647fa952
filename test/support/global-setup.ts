import { mkdtemp, rm, chmod } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import type { TestProject } from 'vitest/node';
import { silentLog } from '../../src/base/log.ts';
import { openDataFolder } from '../../src/host/data-folder.ts';
import { startEmbeddedPostgres } from '../../src/host/embedded-postgres.ts';
import { migrateUp } from '../../src/store/migrate.ts';
import { freePort } from './ports.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** A server of the run's own; its database `template` is migrated and is cloned by `freshDatabase`. */
    postgresUrl: string;
  }
}

/** One real PostgreSQL for the run, of the same binaries that users get. */
export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const dir = await mkdtemp(join(tmpdir(), 'miniaws-test-'));
  await chmod(dir, 0o711);
  const folder = await openDataFolder(join(dir, 'data'));
  const server = await startEmbeddedPostgres({ dataFolder: folder, log: silentLog, seedPort: await freePort() });
  const admin = new pg.Client({ connectionString: server.url });
  await admin.connect();
  await admin.query('CREATE DATABASE template');
  const template = new URL(server.url);
  template.pathname = '/template';
  await migrateUp(template.href, silentLog);
  await admin.end();
  project.provide('postgresUrl', server.url);
  return async () => {
    await server.stop();
    await rm(dir, { recursive: true, force: true });
  };
}
