import { execFileSync, spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { freePort } from '../../src/host/ports.ts';
import { eventually } from './wait.ts';

const PROGRAM = '/usr/sbin/sshd';
/** Where sshd cannot be run, such as a machine on which nothing may be installed, its tests are left out. */
export const HAS_SSHD = existsSync(PROGRAM);

/** A real ssh server on loopback, which lets this user in by one key. */
export interface Sshd {
  /** `ssh://USER@127.0.0.1:PORT`, to be followed by a path. */
  url: string;
  /** The private key that is let in. */
  key: string;
  knownHosts: string;
  close: () => Promise<void>;
}

/** A new key pair: the private half, and the line of the public one. */
export function newSshKey(): { privateKey: string; publicKey: string } {
  const folder = mkdtempSync(join(tmpdir(), 'miniaws-ssh-key-'));
  try {
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'test', '-f', join(folder, 'key')]);
    const read = (name: string) => readFileSync(join(folder, name), 'utf8');
    return { privateKey: read('key'), publicKey: read('key.pub').trim() };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

export async function startSshd(): Promise<Sshd> {
  const folder = mkdtempSync(join(tmpdir(), 'miniaws-sshd-'));
  const [host, client, port] = [newSshKey(), newSshKey(), await freePort()];
  const put = (name: string, text: string) => writeFileSync(join(folder, name), text, { mode: 0o600 });
  put('host_key', host.privateKey);
  put('authorized_keys', `${client.publicKey}\n`);
  const settings = [
    `Port ${port}`,
    'ListenAddress 127.0.0.1',
    `HostKey ${folder}/host_key`,
    `AuthorizedKeysFile ${folder}/authorized_keys`,
    'PidFile none',
    'StrictModes no',
    'UsePAM no',
    'PasswordAuthentication no',
    'KbdInteractiveAuthentication no',
    'PermitRootLogin prohibit-password',
    'AcceptEnv GIT_PROTOCOL',
  ];
  put('sshd_config', `${settings.join('\n')}\n`);
  // Root's sshd gives up its privileges into this folder, which the service's unit makes otherwise.
  if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true, mode: 0o755 });
  const server = spawn(PROGRAM, ['-D', '-e', '-f', join(folder, 'sshd_config')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  server.stderr.setEncoding('utf8').on('data', (text: string) => (said = `${said}${text}`.slice(-2000)));
  const ended = new Promise<void>((resolve) => server.once('close', () => resolve()));
  await eventually(`sshd on port ${port}`, () => {
    if (server.exitCode !== null) throw new Error(`sshd ended: ${said}`);
    return answers(port);
  });
  return {
    url: `ssh://${userInfo().username}@127.0.0.1:${port}`,
    key: client.privateKey,
    knownHosts: `[127.0.0.1]:${port} ${host.publicKey}`,
    async close() {
      server.kill();
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const answers = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
