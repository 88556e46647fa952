import { userInfo } from 'node:os';
import { startDockerDaemon, startDockerService, systemdRuns } from './docker-daemon.ts';
import { DEFAULT_DOCKER_HOST, dockerHost, pingEngine } from './docker-engine.ts';
import {
  ensurePackages,
  findProgram,
  rootAccess,
  runAsRootOrThrow,
  type Progress,
  type RootAccess,
} from './packages.ts';

/** `--no-install-recommends` leaves iptables out, without which dockerd makes no networks. */
const PACKAGES = ['docker.io', 'iptables'];

/** Nothing answers and we cannot change that. The message is one line that says what to do. */
class EngineMissingError extends Error {
  override readonly name = 'EngineMissingError';
}

/**
 * Sees to it that a Docker Engine answers: the one of `DOCKER_HOST` or of the default socket, else the distribution's,
 * installed and started as need be. Resolves to its address. Changes nothing when one answers; never touches the
 * machine when `DOCKER_HOST` names another one.
 */
export async function ensureEngine(
  progress: Progress = () => undefined,
): Promise<{ host: string; apiVersion: string }> {
  const host = dockerHost();
  const ping = await pingEngine(host);
  if (ping.ok) return { host, apiVersion: ping.apiVersion };
  if (host !== DEFAULT_DOCKER_HOST) {
    throw new EngineMissingError(
      `no Docker Engine answers at DOCKER_HOST=${host} (${ping.message}): start it, or unset DOCKER_HOST`,
    );
  }
  if (ping.code === 'EACCES') throw notAdmitted();
  const root = await rootAccess();
  if (root === undefined)
    throw new EngineMissingError(`no Docker Engine answers at ${host} (${ping.message}): ${byHand()}`);
  const install = findProgram('dockerd') === undefined;
  if (install) await ensurePackages(PACKAGES, progress);
  // Some machines start a service as it is installed.
  if (!(await pingEngine(host)).ok) await start(root, host, progress);
  if (install && root.viaSudo) await admitUser(root);
  const answer = await pingEngine(host);
  if (answer.ok) return { host, apiVersion: answer.apiVersion };
  if (answer.code === 'EACCES') throw notAdmitted();
  throw new EngineMissingError(`the Docker Engine was started but cannot be used: ${answer.message}`);
}

function notAdmitted(): EngineMissingError {
  const command = `sudo usermod -aG docker ${userInfo().username}`;
  return new EngineMissingError(
    `this user may not use the Docker Engine: run "${command}" and log in again, or run this as root`,
  );
}

function byHand(): string {
  if (findProgram('dockerd')) return 'start it with "sudo systemctl start docker", or run this as root';
  return `install it with "sudo apt-get install ${PACKAGES.join(' ')}" (or your distribution's Docker package), or run this as root`;
}

async function start(root: RootAccess, host: string, progress: Progress): Promise<void> {
  progress('starting the Docker Engine');
  if (systemdRuns()) await startDockerService(root, host);
  else await startDockerDaemon(root, { host });
}

/** Who installs the Engine through sudo gets to use it: from the next login by its group, until then by its socket. */
async function admitUser(root: RootAccess): Promise<void> {
  const { username, uid } = userInfo();
  await runAsRootOrThrow(root, 'usermod', ['-aG', 'docker', username]);
  await runAsRootOrThrow(root, 'chown', [String(uid), DEFAULT_DOCKER_HOST.slice('unix://'.length)]);
}
