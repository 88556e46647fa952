import { spawn, type ChildProcess } from 'node:child_process';
import type { Clock } from '../../base/clock.ts';
import { codeOf } from '../../base/errors.ts';
import { GitError } from './git.ts';

export interface ProcessOptions {
  cwd: string;
  /** The whole environment: nothing of our own is inherited. */
  env: Readonly<Record<string, string>>;
  input?: string | Buffer;
  /** Bytes of standard output; more of them end the process with `TooLarge` and this message. */
  output?: { bytes: number; tooLarge: string };
  /** Ends the process and all its children. The call rejects with its reason once they are gone. */
  signal: AbortSignal;
  clock: Clock;
}

/** A process that ended with another status than 0. */
export class ProcessFailed extends Error {
  override readonly name = 'ProcessFailed';
  readonly stderr: string;

  constructor(file: string, status: string, stderr: string) {
    super(`${file} ended with ${status}`);
    this.stderr = stderr;
  }
}

export interface ProcessResult {
  stdout: Buffer;
  /** The end of it. */
  stderr: string;
}

/** What explains a failure is at the end. */
const STDERR_BYTES = 16 * 1024;
const STDOUT_BYTES = 1024 * 1024;
/** Between asking a process to end, so that it removes its lock files, and ending it. */
const KILL_MS = 2_000;

/**
 * Runs a program to its end. It has a process group and a session of its own: so its
 * children end with it, and none of them finds a terminal to ask a person at.
 */
export async function runProcess(
  file: string,
  args: readonly string[],
  options: ProcessOptions,
): Promise<ProcessResult> {
  const { signal } = options;
  signal.throwIfAborted();
  const child = spawn(file, args, { cwd: options.cwd, env: options.env, stdio: 'pipe', detached: true });
  const ending = new Ending(child, options.clock);
  const abort = () => ending.begin(signal.reason);
  signal.addEventListener('abort', abort, { once: true });
  // A program that ends without reading its input is judged by its status, not by our broken pipe.
  child.stdin.on('error', () => undefined).end(options.input ?? '');
  const { bytes, tooLarge } = options.output ?? {
    bytes: STDOUT_BYTES,
    tooLarge: `${file} ${args[0] ?? ''} says too much`,
  };
  const chunks: Buffer[] = [];
  let length = 0;
  child.stdout.on('data', (chunk: Buffer) => {
    length += chunk.length;
    if (length <= bytes) chunks.push(chunk);
    else ending.begin(new GitError('TooLarge', tooLarge));
  });
  let stderr = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr = (stderr + text).slice(-STDERR_BYTES)));
  try {
    const status = await new Promise<string>((resolve, reject) => {
      child.once('error', (error) => reject(codeOf(error) === 'ENOENT' ? missing(file) : error));
      child.once('close', (code, killed) => resolve(code === null ? `signal ${killed ?? ''}` : `status ${code}`));
    });
    ending.throwIfBegun();
    if (status !== 'status 0') throw new ProcessFailed(file, status, stderr);
    return { stdout: Buffer.concat(chunks), stderr };
  } finally {
    signal.removeEventListener('abort', abort);
    ending.over();
  }
}

const missing = (file: string): GitError =>
  new GitError('GitMissing', `there is no ${file} on the daemon's PATH: install it, and restart the daemon`);

/** Ends a process group, once, for the first reason that comes. */
class Ending {
  readonly #child: ChildProcess;
  readonly #clock: Clock;
  #reason: { error: unknown } | undefined;
  #timer: { cancel(): void } | undefined;

  constructor(child: ChildProcess, clock: Clock) {
    this.#child = child;
    this.#clock = clock;
  }

  begin(error: unknown): void {
    if (this.#reason) return;
    this.#reason = { error };
    this.#kill('SIGTERM');
    this.#timer = this.#clock.after(KILL_MS, () => this.#kill('SIGKILL'));
  }

  throwIfBegun(): void {
    if (this.#reason) throw this.#reason.error;
  }

  over(): void {
    this.#timer?.cancel();
  }

  #kill(signal: NodeJS.Signals): void {
    if (this.#child.pid === undefined) return;
    try {
      process.kill(-this.#child.pid, signal);
    } catch (error) {
      // The group has ended by itself.
      if (codeOf(error) !== 'ESRCH') throw error;
    }
  }
}
