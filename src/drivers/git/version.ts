import type { Clock } from '../../base/clock.ts';
import { GitError } from './git.ts';
import { runProcess } from './process.ts';

type Version = readonly [major: number, minor: number];

/** Debian 11's. It fetches single objects whose ids come on standard input. */
const OLDEST: Version = [2, 30];
/** The first that verifies signatures by SSH keys. */
export const SSH_SIGNATURES: Version = [2, 34];

/** Which git this machine has. It is asked until there is one that is new enough: it may be installed meanwhile. */
export class InstalledGit {
  readonly #clock: Clock;
  #found: Version | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Throws `GitMissing` when there is none, or an older one. */
  async require(signal: AbortSignal, version: Version = OLDEST): Promise<void> {
    if (this.#found && isAtLeast(this.#found, version)) return;
    const env = { PATH: process.env['PATH'] ?? '', LC_ALL: 'C' };
    const { stdout } = await runProcess('git', ['--version'], { cwd: '/', env, signal, clock: this.#clock });
    const said = stdout.toString('utf8').trim();
    const [, major, minor] = /^git version (\d+)\.(\d+)/.exec(said) ?? [];
    const found: Version = [Number(major ?? 0), Number(minor ?? 0)];
    if (!isAtLeast(found, version))
      throw new GitError(
        'GitMissing',
        `git ${version.join('.')} or newer is needed, and this machine has "${said}": install a newer one`,
      );
    this.#found = found;
  }
}

const isAtLeast = ([major, minor]: Version, [wantedMajor, wantedMinor]: Version): boolean =>
  major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
