import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { systemClock, type Clock } from '../../../src/base/clock.ts';
import { runProcess } from '../../../src/drivers/git/process.ts';
import { identifyProcess } from '../../../src/host/process-identity.ts';
import { eventually } from '../../support/wait.ts';

/** Waits of seconds are over at once. */
const hasty: Clock = { ...systemClock, after: (ms, fn) => systemClock.after(Math.min(ms, 20), fn) };
const shell = (
  script: string,
  options: { signal?: AbortSignal; output?: { bytes: number; tooLarge: string }; input?: string } = {},
) =>
  runProcess('sh', ['-c', script], {
    cwd: '/',
    env: { PATH: process.env['PATH'] ?? '' },
    signal: new AbortController().signal,
    clock: hasty,
    ...options,
  });

describe('a program', () => {
  it('gets its input and an environment of its own, and no terminal', async () => {
    process.env['MINIAWS_TEST_SECRET'] = 'x';
    const { stdout } = await shell('cat; env; (: </dev/tty) 2>/dev/null && echo a terminal; true', { input: 'hello ' });
    expect(String(stdout)).toMatch(/^hello /);
    expect(String(stdout)).not.toMatch(/MINIAWS_TEST_SECRET|a terminal/);
    delete process.env['MINIAWS_TEST_SECRET'];
  });

  it('that fails is told with the end of what it said', async () => {
    await expect(
      shell('i=0; while [ $i -lt 3000 ]; do echo noise$i >&2; i=$((i+1)); done; exit 3'),
    ).rejects.toMatchObject({
      message: 'sh ended with status 3',
      stderr: expect.stringMatching(/noise2999\n$/) as string,
    });
  });

  it('that does not listen is ended with its children, and the call ends after them', async () => {
    const stop = new AbortController();
    const pids = join(mkdtempSync(join(tmpdir(), 'miniaws-process-')), 'pids');
    const ended = shell(`trap '' TERM; sleep 1000 & echo $! $$ > ${pids}; wait; wait`, { signal: stop.signal }).catch(
      (error: unknown) => error,
    );
    const written = await eventually('its children', () => existsSync(pids) && readFileSync(pids, 'utf8').trim());
    stop.abort(new Error('enough'));
    expect(await ended).toMatchObject({ message: 'enough' });
    for (const pid of written.split(' '))
      await eventually(`the end of ${pid}`, () => identifyProcess(Number(pid)) === undefined);
    rmSync(dirname(pids), { recursive: true });
  });

  it('that says too much is ended', async () => {
    await expect(shell('yes', { output: { bytes: 100_000, tooLarge: 'too much' } })).rejects.toMatchObject({
      reason: 'TooLarge',
      message: 'too much',
    });
  });
});
