import { execFileSync } from 'node:child_process';

export const git = (...args: string[]): string =>
  execFileSync('git', args, { encoding: 'utf8', maxBuffer: 2 ** 28 }).trim();

/** The number of the commit in its history: the next commit has the next one. A shallow clone knows only the commit's id. */
function commitNumber(): number {
  if (git('rev-parse', '--is-shallow-repository') === 'false') return Number(git('rev-list', '--count', 'HEAD'));
  return Number.parseInt(git('rev-parse', 'HEAD').slice(0, 7), 16);
}

/** From the environment for running a failure again, else the commit's number, so that each commit tries others. */
export const seedOf = (variable: string): number => Number(process.env[variable] ?? commitNumber());
