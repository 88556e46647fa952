import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { git, seedOf } from './random.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** A commit out of so many before this one, another one for each commit. */
const COMMITS = 20;

interface OldBuild {
  commit: string;
  program: string;
  remove: () => Promise<void>;
}

/** The program as an earlier commit made it. `OLD_COMMIT=…` names one. In a clone without a past it is this commit's. */
export async function oldBuild(): Promise<OldBuild> {
  const commit = process.env['OLD_COMMIT'] ?? earlier(1 + (seedOf('PROVE_SEED') % COMMITS));
  const dir = await mkdtemp(join(tmpdir(), 'miniaws-old-'));
  const inDir = (command: string, ...args: string[]) => execFileSync(command, args, { cwd: dir, stdio: 'pipe' });
  execFileSync('sh', ['-c', 'git archive "$1" | tar -x -C "$2"', 'sh', commit, dir], { cwd: ROOT });
  const lockOf = (at: string) => readFile(join(at, 'package-lock.json'), 'utf8');
  if ((await lockOf(dir)) === (await lockOf(ROOT)))
    await symlink(join(ROOT, 'node_modules'), join(dir, 'node_modules'));
  else inDir('npm', 'ci', '--no-audit');
  inDir('npm', 'run', '--silent', 'build');
  const { bin } = JSON.parse(await readFile(join(dir, 'package.json'), 'utf8')) as { bin: { miniaws: string } };
  process.stdout.write(`an earlier build: OLD_COMMIT=${commit}\n`);
  return { commit, program: join(dir, bin.miniaws), remove: () => rm(dir, { recursive: true, force: true }) };
}

function earlier(commits: number): string {
  const past = git('rev-list', '--first-parent', `--max-count=${commits + 1}`, 'HEAD').split('\n');
  return past.at(-1) ?? 'HEAD';
}
