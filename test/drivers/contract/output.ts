import { describe, expect, it } from 'vitest';
import { eventually } from '../../support/wait.ts';
import { expectPassError, collect, textOf, type ContractContext } from './context.ts';

/** Logs, commands and probes. */
export function outputContract(t: ContractContext): void {
  const { containerSpec, started, seen } = t;

  describe('output and commands', () => {
    const forever = new AbortController().signal;

    it('gives the log whole, in part, and by stream', async () => {
      const { id, owner: by } = await started({ command: ['sh', '-c', 'echo one; echo two; echo three >&2'] });
      await eventually('the end', () => seen(by.uid)?.state === 'exited');
      const log = (tail?: number) =>
        collect(t.compute.logs(id, { follow: false, timestamps: false, ...(tail && { tail }) }, forever));
      const all = await log();
      expect(textOf(all, 'stdout')).toBe('one\ntwo\n');
      expect(textOf(all, 'stderr')).toBe('three\n');
      expect((await log(1)).map((chunk) => chunk.data.toString()).join('')).toMatch(/^(two|three)\n$/);
    });

    it('gives the log from one time until another', async () => {
      const { id, owner: by } = await started({
        command: ['sh', '-c', 'echo one; sleep 0.2; echo two; sleep 0.2; echo three'],
      });
      await eventually('the end', () => seen(by.uid)?.state === 'exited');
      const timed = textOf(await collect(t.compute.logs(id, { follow: false, timestamps: true }, forever)), 'stdout');
      const [, two, three] = timed.split('\n').map((line) => new Date(line.split(' ')[0] ?? ''));
      const options = { follow: false, timestamps: false, since: two!, until: three! };
      expect(textOf(await collect(t.compute.logs(id, options, forever)), 'stdout')).toBe('two\n');
    });

    it('follows until the container ends', async () => {
      const { id } = await started({ command: ['sh', '-c', 'echo one; sleep 0.3; echo two'] });
      const chunks = await collect(t.compute.logs(id, { follow: true, timestamps: true }, forever));
      expect(textOf(chunks, 'stdout')).toMatch(/^\d{4}-.*Z one\n\d{4}-.*Z two\n$/);
    });

    it('stops following when it is told to', async () => {
      const { id } = await started({ command: ['sh', '-c', 'echo one; sleep 1000'] });
      const stop = new AbortController();
      let text = '';
      for await (const chunk of t.compute.logs(id, { follow: true, timestamps: false }, stop.signal)) {
        text += chunk.data.toString();
        stop.abort();
      }
      expect(text).toBe('one\n');
    });

    it('runs a command and gives its output and exit status', async () => {
      const { id } = await started();
      const session = await t.compute.exec(id, { command: ['sh', '-c', 'echo hi; exit 4'], tty: false, stdin: false });
      expect(textOf(await collect(session.output), 'stdout')).toBe('hi\n');
      expect(await session.exitCode()).toBe(4);
    });

    it('joins the process of a container, and leaves it alone in the end', async () => {
      const { id, owner: by } = await started({ command: ['cat'], stdin: true });
      const session = await t.compute.attach(id, { stdin: true });
      void session.write(Buffer.from('ping\n'));
      let text = '';
      for await (const chunk of session.output) {
        text += chunk.data.toString();
        if (text.includes('\n')) break;
      }
      expect(text).toBe('ping\n');
      session.close();
      const over = new AbortController();
      const second = await t.compute.attach(id, { stdin: false }, over.signal);
      over.abort();
      expect(await collect(second.output).catch(() => [])).toEqual([]);
      expect(seen(by.uid)?.state).toBe('running');
    });

    it('gives a command its input, and the input its end', async () => {
      const { id } = await started();
      const session = await t.compute.exec(id, { command: ['cat'], tty: false, stdin: true });
      void session.write(Buffer.from('to and fro'));
      session.closeInput();
      expect(textOf(await collect(session.output), 'stdout')).toBe('to and fro');
      expect(await session.exitCode()).toBe(0);
    });

    it('gives a command a terminal', async () => {
      const { id } = await started();
      const session = await t.compute.exec(id, { command: ['sh', '-c', 'echo hi >&2'], tty: true, stdin: true });
      expect(textOf(await collect(session.output), 'stdout')).toMatch(/^hi\r?\n$/);
      expect(await session.exitCode()).toBe(0);
    });

    it('takes the size of a terminal whose command has ended', async () => {
      const { id } = await started();
      const session = await t.compute.exec(id, { command: ['sh', '-c', 'echo hi'], tty: true, stdin: true });
      await collect(session.output);
      await session.exitCode();
      await session.resize(132, 50);
    });

    it('lets go of a command that goes on', async () => {
      const { id } = await started();
      const session = await t.compute.exec(id, { command: ['cat'], tty: false, stdin: true });
      const output = collect(session.output).catch(() => []);
      session.close();
      expect(await output).toEqual([]);
    });

    it('starts no command when nobody wants it any more, and lets go of one then', async () => {
      const { id } = await started();
      const options = { command: ['cat'], tty: false, stdin: true };
      await expectPassError('EngineUnavailable', t.compute.exec(id, options, AbortSignal.abort()));
      const over = new AbortController();
      const session = await t.compute.exec(id, options, over.signal);
      const output = collect(session.output).catch(() => []);
      over.abort();
      expect(await output).toEqual([]);
      await expectPassError('EngineUnavailable', session.exitCode());
    });

    it('asks to wait with more input while the process reads none', async () => {
      const { id } = await started();
      const session = await t.compute.exec(id, { command: ['cat'], tty: false, stdin: true });
      const piece = Buffer.alloc(1 << 16);
      let room: Promise<void> | undefined;
      for (let i = 0; i < 1_000 && !room; i++) room = session.write(piece);
      expect(room).toBeInstanceOf(Promise);
      session.close();
      await room;
    });

    it('refuses a command in a container that is not running', async () => {
      const made = await t.compute.createContainer(containerSpec());
      await expectPassError('EngineError', t.compute.exec(made.id, { command: ['true'], tty: false, stdin: false }));
    });
  });

  describe('probes', () => {
    it('tells a port that answers from one that does not', async () => {
      const { id } = await started({ command: ['/bin/serve'] });
      const probe = (port: number, http?: { path: string; expectedStatus: number }) =>
        t.compute.probe({ containerId: id, port, ...(http && { http }) }, 2_000);
      await eventually('the server', async () => {
        const result = await probe(80);
        return result.state === 'present' && result.value.healthy;
      });
      expect(await probe(80, { path: '/', expectedStatus: 200 })).toMatchObject({ value: { healthy: true } });
      expect(await probe(80, { path: '/missing', expectedStatus: 200 })).toEqual({
        state: 'present',
        value: { healthy: false, detail: 'answered 404, expected 200' },
      });
      expect(await probe(81)).toEqual({ state: 'present', value: { healthy: false, detail: 'connection refused' } });
      const connection = await t.compute.dial(id, 80);
      connection.destroy();
      await expectPassError('Refused', t.compute.dial(id, 81));
      await t.compute.stopContainer(id, 0, 60_000);
      expect(await probe(80)).toMatchObject({ value: { healthy: false } });
      await t.compute.removeContainer(id);
      expect(await probe(80)).toEqual({ state: 'absent' });
    });
  });
}
