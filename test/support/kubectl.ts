import { spawn, spawnSync } from 'node:child_process';
import type { TestDaemon } from './daemon.ts';
import { eventually } from './wait.ts';

/** Decided once: a machine without kubectl counts what needs it as skipped. */
export const hasKubectl = spawnSync('kubectl', ['version', '--client']).status === 0;

interface Ran {
  code: number;
  stdout: string;
  stderr: string;
}

export interface Kubectl {
  stdout: () => string;
  stderr: () => string;
  ended: Promise<number>;
  stdin: (text: string) => void;
  endStdin: () => void;
  stop: () => void;
}

/** The real kubectl with the kubeconfig of the daemon, going on. */
export function startKubectl(
  daemon: Pick<TestDaemon, 'kubeconfigPath'>,
  words: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Kubectl {
  const child = spawn('kubectl', ['--kubeconfig', daemon.kubeconfigPath, ...words], {
    env: { ...process.env, ...env },
  });
  let [stdout, stderr] = ['', ''];
  child.stdout.on('data', (data: Buffer) => (stdout += data.toString('utf8')));
  child.stderr.on('data', (data: Buffer) => (stderr += data.toString('utf8')));
  child.stdin.on('error', () => undefined);
  return {
    stdout: () => stdout,
    stderr: () => stderr,
    ended: new Promise((resolve) => child.once('close', (code) => resolve(code ?? -1))),
    stdin: (text) => void child.stdin.write(text),
    endStdin: () => child.stdin.end(),
    stop: () => void child.kill('SIGINT'),
  };
}

/** To its end. */
export async function runKubectl(
  daemon: Pick<TestDaemon, 'kubeconfigPath'>,
  words: readonly string[],
  stdin = '',
  env: Readonly<Record<string, string>> = {},
): Promise<Ran> {
  const running = startKubectl(daemon, words, env);
  running.stdin(stdin);
  running.endStdin();
  const code = await running.ended;
  return { code, stdout: running.stdout(), stderr: running.stderr() };
}

/** Until it has printed this. */
export const printed = (running: Kubectl, what: string | RegExp): Promise<true> =>
  eventually(`kubectl to print ${what}`, () => {
    const text = running.stdout();
    if (typeof what === 'string' ? text.includes(what) : what.test(text)) return true as const;
    throw new Error(`${text}${running.stderr()}`);
  });
