import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { onTestFinished } from 'vitest';
import { COMMANDS, KINDS } from '../../src/kinds/index.ts';
import type { KindRegistry } from '../../src/api/registry.ts';
import type { Io } from '../../src/cli/io.ts';
import { runClient } from '../../src/cli/program.ts';
import { eventually } from '../support/wait.ts';

export interface Ran {
  code: number;
  out: string;
  err: string;
}

export interface Running {
  /** What it has written so far. */
  out: () => string;
  err: () => string;
  /** Ctrl-C. */
  interrupt: () => void;
  /** What a write to a closed pipe does. */
  breakPipe: () => void;
  ended: Promise<Ran>;
}

export interface RunOptions {
  kubeconfig: string;
  stdin?: string;
  env?: NodeJS.ProcessEnv;
  /** Those of the program when left out. */
  kinds?: KindRegistry;
}

class Captured extends Writable {
  text = '';
  override _write(chunk: Buffer, _: BufferEncoding, done: () => void): void {
    this.text += chunk.toString('utf8');
    done();
  }
}

/** Starts a client command in this process, as a shell with pipes would. */
export function start(args: readonly string[], options: RunOptions): Running {
  const [stdout, stderr] = [new Captured(), new Captured()];
  let interrupt = () => {};
  const io: Io = {
    stdin: Readable.from(options.stdin === undefined ? [] : [Buffer.from(options.stdin)]),
    stdout,
    stderr,
    env: { PATH: process.env['PATH'], ...options.env },
    setExitCode: () => {},
    onInterrupt(listener) {
      interrupt = listener;
      return () => {};
    },
  };
  const setup = {
    io,
    kinds: options.kinds ?? KINDS,
    defaultKubeconfig: () => options.kubeconfig,
    version: '0.0.0-test',
  };
  const ended = runClient(setup, COMMANDS, args).then((code) => ({ code, out: stdout.text, err: stderr.text }));
  const breakPipe = () => void stdout.emit('error', Object.assign(new Error('write EPIPE'), { code: 'EPIPE' }));
  return { out: () => stdout.text, err: () => stderr.text, interrupt: () => interrupt(), breakPipe, ended };
}

export const run = (args: readonly string[], options: RunOptions): Promise<Ran> => start(args, options).ended;

/** Waits until a running command has written this. */
export const written = (running: Running, text: string | RegExp): Promise<true> =>
  eventually(`"${text}" in the output`, () =>
    (typeof text === 'string' ? running.out().includes(text) : text.test(running.out())) ? true : undefined,
  );

/** A folder with these files, which is removed when the test ends. */
export async function filesOf(files: Record<string, string>): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'miniaws-cli-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
  return folder;
}
