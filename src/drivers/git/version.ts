import type { Clock } from '../../base/clock.ts';
import { GitError } from './git.ts';
import { runProcess } from './process.ts';

type Version = readonly [major: number, minor: number];

/** Debian 11's. It fetches single objects whose ids come on standard input. */
const OLDEST: Version = [2, 30];
/** The first that verifies signatures by SSH keys. */
export const SSH_SIGNATURES: Version = [2, 34];

/** Throws `GitMissing` when the machine's git is older. It is asked each time: it may be installed meanwhile. */
export async function requireGit(clock: Clock, signal: AbortSignal, version: Version = OLDEST): Promise<void> {
  const env = { PATH: process.env['PATH'] ?? '', LC_ALL: 'C' };
  const { stdout } = await runProcess('git', ['--version'], { cwd: '/', env, signal, clock });
  const found = /^git version (\d+)\.(\d+)/.exec(stdout.toString('utf8'));
  if (found && isAtLeast([Number(found[1]), Number(found[2])], version)) return;
  throw new GitError(
    'GitMissing',
    `git ${version.join('.')} or newer is needed, and this machine has "${stdout.toString('utf8').trim()}": install a newer one`,
  );
}

const isAtLeast = ([major, minor]: Version, [wantedMajor, wantedMinor]: Version): boolean =>
  major > wantedMajor || (major === wantedMajor && minor >= wantedMinor);
