import { spawn } from 'node:child_process';
import { withoutSecrets } from '../base/config.ts';
import type { UnprivilegedUser } from './unprivileged-user.ts';

export interface CommandOptions {
  /** Root drops to this user, without supplementary groups. */
  user?: UnprivilegedUser | undefined;
  env?: NodeJS.ProcessEnv;
  /** Fed to standard input, which is empty otherwise. */
  input?: string;
  cwd?: string;
}

export interface CommandResult {
  /** The exit status; null after a signal. */
  status: number | null;
  /** Standard output and error as they came, the last 64 KiB of them. */
  output: string;
}

/** Enough to explain a failure; apt alone can write megabytes. */
const MAX_OUTPUT = 64 * 1024;

/** Runs a command to its end, without a shell. Rejects only when it cannot be started (`ENOENT`, `EACCES`). */
export function run(file: string, args: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
  return new Promise((resolve, reject) => {
    const child = spawn(file, args, {
      cwd: options.cwd,
      env: withoutSecrets(options.env ?? process.env),
      stdio: ['pipe', 'pipe', 'pipe'],
      ...(options.user && { uid: options.user.uid, gid: options.user.gid }),
    });
    let output = '';
    const collect = (chunk: string) => (output = (output + chunk).slice(-MAX_OUTPUT));
    child.stdout.setEncoding('utf8').on('data', collect);
    child.stderr.setEncoding('utf8').on('data', collect);
    // A command that ends without reading its input is judged by its status, not by our broken pipe.
    child.stdin.on('error', () => undefined).end(options.input ?? '');
    child.once('error', reject).once('close', (status) => resolve({ status, output }));
  });
}

/** The same, but anything else than exit status 0 throws, with the command's last lines. */
export async function runOrThrow(file: string, args: readonly string[], options: CommandOptions = {}): Promise<string> {
  const { status, output } = await run(file, args, options);
  if (status === 0) return output;
  throw new Error(
    `${file} ${args[0] ?? ''} failed (${status === null ? 'signal' : `exit status ${status}`}): ${lastLines(output)}`,
  );
}

/** The end of a log or an output in one line. */
export const lastLines = (text: string, count = 5): string => text.trim().split('\n').slice(-count).join(' | ');
