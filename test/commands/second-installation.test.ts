import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import type { Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { DEFAULT_LISTEN } from '../../src/base/config.ts';
import { startDaemon } from '../support/daemon.ts';
import type { TestDaemon } from '../support/daemon.ts';
import { call } from '../support/http.ts';
import { pathOf, vpc } from '../support/manifests.ts';

const daemons: TestDaemon[] = [];
let base: string;
/** Has the usual port, where nothing on this machine has it already. */
let other: Server;

/** As `MINIAWS_DATA_DIR=… miniaws serve` starts one, nothing else being said. */
async function start(name: string): Promise<TestDaemon> {
  const dataDir = join(base, name);
  const daemon = await startDaemon({ engine: 'simulated', dataDir, env: { DATABASE_URL: '', MINIAWS_LISTEN: '' } });
  daemons.push(daemon);
  return daemon;
}

beforeAll(async () => {
  base = await mkdtemp(join(tmpdir(), 'miniaws-second-'));
  // The server of the embedded database is another user's.
  await chmod(base, 0o711);
  other = createServer();
  await new Promise<void>((resolve) => {
    other.once('error', () => resolve());
    other.listen(DEFAULT_LISTEN.port, DEFAULT_LISTEN.host, resolve);
  });
});
afterAll(async () => {
  for (const daemon of daemons) await daemon.stop();
  other.close();
  await rm(base, { recursive: true, force: true });
});

it('two installations on one machine differ in their data folders alone, and know nothing of each other', async () => {
  const [first, second] = [await start('first'), await start('second')];
  const ports = [first, second].map(({ url }) => Number(new URL(url).port));
  expect(ports).not.toContain(DEFAULT_LISTEN.port);
  expect(first.log()).toContain('another program has the usual port');
  const make = await call(first, 'POST', pathOf('vpcs'), { body: vpc('only', { cidrBlock: '10.0.0.0/24' }) });
  expect(make.status).toBe(201);
  expect((await call(first, 'GET', pathOf('vpcs', 'only'))).status).toBe(200);
  expect((await call(second, 'GET', pathOf('vpcs', 'only'))).status).toBe(404);
  // Each key is good at its own.
  expect((await call({ ...second, token: first.token }, 'GET', pathOf('vpcs'))).status).toBe(401);
});
