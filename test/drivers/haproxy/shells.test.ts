import { describe, expect, it } from 'vitest';
import { PassError } from '../../../src/base/errors.ts';
import type { Compute, ExecSession, OutputChunk } from '../../../src/drivers/compute.ts';
import { Shells } from '../../../src/drivers/haproxy/shells.ts';
import { Channel } from '../../../src/drivers/simulated/channel.ts';
import { breathe, ManualClock } from '../../../src/proof/manual-clock.ts';
import { expectPassError } from '../contract/context.ts';

/** A shell's side of an exec: what it was told, and what it says. */
class FakeSession implements ExecSession {
  readonly output = new Channel<OutputChunk>();
  readonly told: string[] = [];
  closed = false;

  say(text: string): void {
    this.output.push({ stream: 'stdout', data: Buffer.from(text) });
  }

  write(data: Buffer): undefined {
    this.told.push(data.toString());
  }

  closeInput(): void {}

  resize(): Promise<void> {
    return Promise.resolve();
  }

  exitCode(): Promise<number> {
    return Promise.resolve(0);
  }

  close(): void {
    this.closed = true;
    this.output.end();
  }
}

function world() {
  const clock = new ManualClock();
  const sessions: FakeSession[] = [];
  let refusal: Error | undefined;
  const exec = async () => {
    if (refusal) throw refusal;
    sessions.push(new FakeSession());
    return sessions.at(-1)!;
  };
  const shells = new Shells({ exec } as unknown as Compute, clock);
  return { clock, sessions, shells, refuse: (error?: Error) => (refusal = error) };
}

describe('shells in containers', () => {
  it('one stays for many commands, which come one after the other', async () => {
    const { sessions, shells } = world();
    const runs = [shells.run('c', 'one', 1_000), shells.run('c', 'two', 1_000)];
    await breathe();
    expect(sessions).toHaveLength(1);
    const [session] = sessions;
    expect(session?.told).toEqual(['one\n']);
    // In pieces, in the middle of a letter and of the end.
    const text = Buffer.from('grüße\u001e0\n');
    for (const byte of text) session?.output.push({ stream: 'stdout', data: Buffer.from([byte]) });
    await breathe();
    expect(session?.told).toEqual(['one\n', 'two\n']);
    session?.say('no\u001e7\n');
    expect(await Promise.all(runs)).toEqual([
      { text: 'grüße', status: 0 },
      { text: 'no', status: 7 },
    ]);
  });

  it('one that says nothing is given up in time, what waited for it is never begun, and the next call opens another', async () => {
    const { clock, sessions, shells } = world();
    const runs = [shells.run('c', 'one', 1_000), shells.run('c', 'two', 900)];
    const failures = runs.map((run) => expectPassError('EngineUnavailable', run));
    await breathe();
    await clock.advance(1_000);
    await Promise.all(failures);
    expect(sessions.map((s) => [s.closed, s.told])).toEqual([[true, ['one\n']]]);
    const again = shells.run('c', 'three', 1_000);
    await breathe();
    sessions[1]?.say('\u001e0\n');
    expect(await again).toEqual({ text: '', status: 0 });
  });

  it('one that ends is opened again; a command that it was at fails', async () => {
    const { sessions, shells } = world();
    const run = shells.run('c', 'one', 1_000);
    await breathe();
    sessions[0]?.output.end();
    await expectPassError('EngineUnavailable', run);
    const again = shells.run('c', 'two', 1_000);
    await breathe();
    expect(sessions[1]?.told).toEqual(['two\n']);
    sessions[1]?.say('\u001e0\n');
    await again;
  });

  it('a container that does not run says so', async () => {
    const { shells, refuse } = world();
    refuse(new PassError('EngineError', 'Container c is not running'));
    await expectPassError('EngineError', shells.run('c', 'one', 1_000));
  });

  it('output without an end is not kept', async () => {
    const { sessions, shells } = world();
    const run = shells.run('c', 'one', 1_000);
    await breathe();
    for (let megabytes = 0; megabytes < 9; megabytes++) sessions[0]?.say('x'.repeat(2 ** 20));
    await expectPassError('EngineError', run);
    expect(sessions[0]?.closed).toBe(true);
  });

  it('is let go of when nobody has asked for a while, and when all is closed', async () => {
    const { clock, sessions, shells } = world();
    const ask = async (id: string, session: number) => {
      const run = shells.run(id, 'x', 1_000);
      await breathe();
      sessions[session]?.say('\u001e0\n');
      await run;
      await breathe();
    };
    await ask('c', 0);
    await clock.advance(59_000);
    await ask('c', 0);
    await clock.advance(59_000);
    expect(sessions[0]?.closed).toBe(false);
    await clock.advance(1_000);
    expect(sessions[0]?.closed).toBe(true);
    expect(clock.pending).toBe(0);
    await ask('c', 1);
    await ask('d', 2);
    shells.close();
    expect(sessions.map((s) => s.closed)).toEqual([true, true, true]);
    expect(clock.pending).toBe(0);
  });
});
