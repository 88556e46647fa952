import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { acquireLock, LockHeldError, readLock } from '../../src/host/daemon-lock.ts';
import { identifyProcess, ownIdentity } from '../../src/host/process-identity.ts';

// Real servers and processes, on whatever machine this is.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

let folder: string;
let path: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'miniaws-lock-'));
  path = join(folder, 'daemon.lock');
});
afterEach(() => rmSync(folder, { recursive: true }));

/** A process that takes the lock, says `held` or `refused`, and holds it until its input ends. */
function starter() {
  const script = fileURLToPath(new URL('support/take-lock.ts', import.meta.url));
  return spawn(process.execPath, ['--import', 'tsx', script, path], { stdio: ['pipe', 'pipe', 'inherit'] });
}

const firstWord = async (child: ReturnType<typeof starter>): Promise<string> =>
  String((await once(child.stdout, 'data'))[0]).trim();

describe('the lock of a data folder', () => {
  it('says who holds it and where they listen, to the owner of the folder alone', async () => {
    const lock = await acquireLock(path);
    expect(await readLock(path)).toMatchObject({ ...ownIdentity(), listen: null });
    await lock.setListen('127.0.0.1:7443');
    expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({ pid: process.pid, listen: '127.0.0.1:7443' });
    expect(statSync(path).mode & 0o777).toBe(0o600);
    await lock.release();
    expect(await readLock(path)).toBeUndefined();
    expect(readdirSync(folder)).toEqual([]);
  });

  it('is refused to a second daemon, which is told of the first', async () => {
    const lock = await acquireLock(path, '127.0.0.1:7443');
    const refusal = await acquireLock(path).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(LockHeldError);
    expect(String(refusal)).toContain(`process ${process.pid} holds daemon.lock and listens on 127.0.0.1:7443`);
    await lock.release();
    await (await acquireLock(path)).release();
  });

  it('I3: left by a killed daemon it is nobody’s', async () => {
    const dead = starter();
    expect(await firstWord(dead)).toBe('held');
    expect((await readLock(path))?.pid).toBe(dead.pid);
    dead.kill('SIGKILL');
    await once(dead, 'exit');
    expect(await readLock(path)).toBeUndefined();
    const lock = await acquireLock(path);
    expect((await readLock(path))?.pid).toBe(process.pid);
    await lock.release();
    expect(readdirSync(folder)).toEqual([]);
  });

  it.each([
    [
      'another process that has its pid now',
      JSON.stringify({ pid: process.pid, startTime: 'earlier', listen: null, nonce: 'x' }),
    ],
    ['something that is no lock', 'not JSON'],
    ['nothing', ''],
  ])('naming %s is nobody’s', async (_, text) => {
    writeFileSync(path, text);
    expect(await readLock(path)).toBeUndefined();
    await (await acquireLock(path)).release();
  });

  it('a claim of a starter that died on its way does not bar the next', async () => {
    writeFileSync(path, 'stale');
    const claim = Buffer.from(JSON.stringify([process.pid, 'earlier', 'x'])).toString('base64url');
    writeFileSync(`${path}.claim-${claim}`, '');
    utimesSync(path, 0, 0);
    await (await acquireLock(path)).release();
    expect(readdirSync(folder)).toEqual([]);
  });

  it('is one’s alone when many find the same stale one, each time', async () => {
    for (let round = 0; round < 20; round++) {
      writeFileSync(path, JSON.stringify({ pid: process.pid, startTime: `round ${round}`, listen: null, nonce: 'x' }));
      const results = await Promise.allSettled(Array.from({ length: 12 }, () => acquireLock(path)));
      const held = results.filter((r) => r.status === 'fulfilled');
      expect(held.length).toBe(1);
      for (const r of results) if (r.status === 'rejected') expect(r.reason).toBeInstanceOf(LockHeldError);
      await held[0]!.value.release();
      expect(readdirSync(folder)).toEqual([]);
    }
  });

  it('is one process’s alone when several start at once over a dead one’s', async () => {
    writeFileSync(path, JSON.stringify({ pid: 1, startTime: 'earlier', listen: null, nonce: 'x' }));
    const starters = Array.from({ length: 5 }, starter);
    const words = await Promise.all(starters.map(firstWord));
    expect(words.toSorted()).toEqual(['held', 'refused', 'refused', 'refused', 'refused']);
    const exits = Promise.all(starters.map(async (s) => s.exitCode ?? once(s, 'exit')));
    for (const s of starters) s.stdin.end();
    await exits;
    expect(readdirSync(folder)).toEqual([]);
  });

  it('a process is told apart from a later one, and a dead one from a living', async () => {
    const child = spawn('sleep', ['600']);
    await once(child, 'spawn');
    const identity = identifyProcess(child.pid!);
    expect(identity?.startTime).not.toBe(ownIdentity().startTime);
    child.kill('SIGKILL');
    await once(child, 'exit');
    expect(identifyProcess(child.pid!)).toBeUndefined();
  });
});
