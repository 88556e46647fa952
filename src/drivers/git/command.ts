import type { Clock } from '../../base/clock.ts';
import type { CallFolder } from './call-folder.ts';
import { meaningOf, plain } from './failures.ts';
import { GitError, type GitCredentials } from './git.ts';
import { ProcessFailed, runProcess, type ProcessOptions, type ProcessResult } from './process.ts';
import type { RemoteUrl } from './remote-url.ts';

export type RunOptions = Partial<Pick<ProcessOptions, 'input' | 'output' | 'signal' | 'env'>>;

/** The git of one call: at home in its folder, for one remote, until the call's signal. */
export class GitCommand {
  readonly folder: CallFolder;
  readonly remote: RemoteUrl;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  readonly #credentials: GitCredentials;

  constructor(folder: CallFolder, remote: RemoteUrl, credentials: GitCredentials, signal: AbortSignal, clock: Clock) {
    this.folder = folder;
    this.remote = remote;
    this.#credentials = credentials;
    this.signal = signal;
    this.clock = clock;
  }

  /** Standard output. Another status than 0 is a `ProcessFailed`. */
  async run(args: readonly string[], options: RunOptions = {}): Promise<Buffer> {
    return (await this.runProgram('git', args, options)).stdout;
  }

  /** The same for any program that git works with, and with what it writes on standard error. */
  runProgram(file: string, args: readonly string[], options: RunOptions = {}): Promise<ProcessResult> {
    const { env, ...others } = options;
    return runProcess(file, args, {
      cwd: this.folder.path,
      env: { ...this.folder.env, ...env },
      signal: this.signal,
      clock: this.clock,
      ...others,
    });
  }

  /** What a failure of the remote comes to, as a `GitError`; anything else as it is. */
  explained(error: unknown): unknown {
    if (!(error instanceof ProcessFailed)) return error;
    return meaningOf(error.stderr, this.remote, this.#credentials) ?? error;
  }

  /** The same, for where nothing is left to be tried. */
  final(error: unknown): unknown {
    const explained = this.explained(error);
    if (!(explained instanceof ProcessFailed)) return explained;
    const words = plain(explained.stderr, this.#credentials);
    return new GitError('GitFailed', `${this.remote.url}: ${explained.message}: ${words}`);
  }
}
