import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { systemClock } from '../base/clock.ts';
import { withoutSecrets } from '../base/config.ts';
import { lastLines } from './command.ts';
import { pingEngine } from './docker-engine.ts';
import { findProgram, runAsRoot, runAsRootOrThrow, type RootAccess } from './packages.ts';
import { commandLine } from './process-identity.ts';

/** How dockerd is started where no systemd runs. The defaults are the machine's; a test has folders of its own. */
export interface DaemonOptions {
  host: string;
  pidFile?: string;
  log?: string;
  args?: readonly string[];
}

const PID_FILE = '/var/run/docker.pid';
const LOG_FILE = '/var/log/dockerd-miniaws.log';
/** A first start makes keys, networks and firewall rules: seconds on a slow machine. */
const START_LIMIT_MS = 60_000;
const LOOK_EVERY_MS = 100;

/** Whether systemd is what runs this machine, and not merely installed. sd_booted(3) */
export const systemdRuns = (): boolean => existsSync('/run/systemd/system') && findProgram('systemctl') !== undefined;

/** Starts the installed Engine by systemd, now and at every boot, and resolves when it answers. */
export async function startDockerService(root: RootAccess, host: string): Promise<void> {
  await runAsRootOrThrow(root, 'systemctl', ['enable', '--now', 'docker']);
  const failure = await waitForEngine(host, () => true);
  if (failure === undefined) return;
  throw new Error(
    `the Docker Engine does not answer after ${START_LIMIT_MS / 1000} s (${failure}): see journalctl -u docker`,
  );
}

/**
 * Starts dockerd in the background, in a session of its own with its output in a file, and resolves when it answers. One
 * that runs already is only waited for. Throws with its last lines when it ends instead.
 */
export async function startDockerDaemon(root: RootAccess, options: DaemonOptions): Promise<void> {
  const log = options.log ?? LOG_FILE;
  const pidFile = options.pidFile ?? PID_FILE;
  const started = isDockerd(pidFile) ? undefined : await launch(root, { ...options, pidFile, log });
  const failure = await waitForEngine(options.host, () => (started?.exitCode ?? null) === null);
  if (failure === undefined) return;
  const said = lastLines((await runAsRoot(root, 'tail', ['-n', '3', log])).output, 3);
  throw new Error(`dockerd was started and does not answer (${failure}): ${said} (see ${log})`);
}

/** Whether the process in the pid file is a dockerd. One left by a dead dockerd may name any process by now. */
function isDockerd(pidFile: string): boolean {
  const pid = Number(existsSync(pidFile) ? readFileSync(pidFile, 'utf8') : Number.NaN);
  return Number.isSafeInteger(pid) && pid > 0 && basename(commandLine(pid)?.[0] ?? '') === 'dockerd';
}

async function launch(root: RootAccess, options: Required<Pick<DaemonOptions, 'pidFile' | 'log'>> & DaemonOptions) {
  // dockerd refuses to start while the pid in its file lives, whoever that is now.
  await runAsRoot(root, 'rm', ['-f', options.pidFile]);
  const args = [...(options.args ?? []), '--pidfile', options.pidFile];
  // Its socket's group: without systemd there is no new login that would bring a new group, so it is the user's own.
  if (root.viaSudo) args.push('--group', String(process.getgid?.()));
  // The shell opens the log as root and becomes dockerd.
  const script = 'umask 077; exec >>"$0" 2>&1 </dev/null; umask 022; exec "$@"';
  const [file, fileArgs] = root.command('sh', [
    '-c',
    script,
    options.log,
    findProgram('dockerd') ?? 'dockerd',
    ...args,
  ]);
  const child = spawn(file, fileArgs, {
    detached: true,
    stdio: 'ignore',
    cwd: '/',
    env: withoutSecrets(process.env),
  });
  await once(child, 'spawn');
  child.unref();
  return child;
}

/** Undefined once the Engine answers, else why it does not. It may answer that this user may not ask: it is up then. */
async function waitForEngine(host: string, isRunning: () => boolean): Promise<string | undefined> {
  const deadline = systemClock.monotonic() + START_LIMIT_MS;
  for (;;) {
    const ping = await pingEngine(host);
    if (ping.ok || ping.code === 'EACCES') return undefined;
    if (!isRunning() || systemClock.monotonic() > deadline) return ping.message;
    await pause(LOOK_EVERY_MS);
  }
}
