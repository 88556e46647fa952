import { execFileSync } from 'node:child_process';
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** The program as people run it: to be run by `process.execPath`. */
export const PROGRAM = join(ROOT, 'dist', 'miniaws.js');

/** Builds it where the sources are newer than what was built last. */
export function buildProgram(): void {
  const changed = readdirSync(join(ROOT, 'src'), { recursive: true, encoding: 'utf8' }).map(
    (file) => statSync(join(ROOT, 'src', file)).mtimeMs,
  );
  const built = statSync(PROGRAM, { throwIfNoEntry: false })?.mtimeMs ?? 0;
  if (Math.max(...changed) > built) execFileSync('npm', ['run', '--silent', 'build'], { cwd: ROOT, stdio: 'inherit' });
}
