import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { GitCredentials } from './git.ts';
import type { RemoteUrl } from './remote-url.ts';

/** A section, its subsection if it has one, a key and a value of git's configuration. */
type Setting = readonly [section: string, subsection: string | undefined, key: string, value: string];

const DEFAULT_USERNAME = 'git';
/** Bytes in a second, and seconds, below which a transfer counts as stuck. */
const SLOW_BYTES = 1000;
const SLOW_SECONDS = 30;
/** A single allocation of git: an object that claims to be larger than this is refused. */
const ALLOCATION = '512m';

/** The folder is ssh's working folder, so that no path needs quoting. */
const SSH = [
  'ssh -F /dev/null -i key',
  ...[
    'IdentitiesOnly=yes',
    'IdentityAgent=none',
    'StrictHostKeyChecking=yes',
    'UserKnownHostsFile=known_hosts',
    'GlobalKnownHostsFile=/dev/null',
    'UpdateHostKeys=no',
    'BatchMode=yes',
    'PreferredAuthentications=publickey',
    'ForwardAgent=no',
    'ClearAllForwardings=yes',
    'PermitLocalCommand=no',
    'ControlMaster=no',
    'ControlPath=none',
    'ConnectTimeout=20',
    'ServerAliveInterval=10',
    'ServerAliveCountMax=3',
  ].map((option) => `-o ${option}`),
].join(' ');

/** Of our own environment, git gets where programs are and how to reach the network. */
const INHERITED = [
  'PATH',
  'http_proxy',
  'https_proxy',
  'HTTPS_PROXY',
  'all_proxy',
  'ALL_PROXY',
  'no_proxy',
  'NO_PROXY',
] as const;

/** Where the git of one call is at home: its configuration, and the credentials that it uses. */
export interface CallFolder {
  path: string;
  env: Readonly<Record<string, string>>;
}

/**
 * Makes a home for the git commands of one call, and removes it after it. What is secret is in files of it, which only
 * this user can read: not in arguments, not in the environment.
 */
export async function withCallFolder<T>(
  root: string,
  remote: RemoteUrl,
  credentials: GitCredentials,
  task: (folder: CallFolder) => Promise<T>,
): Promise<T> {
  await mkdir(root, { recursive: true, mode: 0o700 });
  const path = await mkdtemp(join(root, 'call-'));
  try {
    const put = (name: string, text: string) => writeFile(join(path, name), text, { mode: 0o600, flag: 'wx' });
    const caFile = credentials.caFile === undefined ? undefined : join(path, 'ca.pem');
    if (caFile !== undefined) await put('ca.pem', credentials.caFile ?? '');
    if (credentials.sshKey !== undefined) await put('key', `${credentials.sshKey.trimEnd()}\n`);
    if (credentials.knownHosts !== undefined) await put('known_hosts', `${credentials.knownHosts.trimEnd()}\n`);
    await put('.gitconfig', configText([...SETTINGS, ...remoteSettings(remote, credentials, caFile)]));
    return await task({ path, env: environment(root, path, remote) });
  } finally {
    await rm(path, { recursive: true, force: true });
  }
}

/** Removes what calls of an earlier process have left: they may hold credentials. */
export const sweepCallFolders = (root: string): Promise<void> => rm(root, { recursive: true, force: true });

/** What holds for every command. */
const SETTINGS: readonly Setting[] = [
  ['core', undefined, 'hooksPath', '/dev/null'],
  ['core', undefined, 'fsmonitor', 'false'],
  ['core', undefined, 'askPass', ''],
  ['credential', undefined, 'helper', ''],
  ['protocol', undefined, 'allow', 'never'],
  ['protocol', 'ext', 'allow', 'never'],
  ['protocol', undefined, 'version', '2'],
  ['http', undefined, 'followRedirects', 'false'],
  ['http', undefined, 'lowSpeedLimit', String(SLOW_BYTES)],
  ['http', undefined, 'lowSpeedTime', String(SLOW_SECONDS)],
  ['http', undefined, 'sslVerify', 'true'],
  ['transfer', undefined, 'fsckObjects', 'true'],
  ['fetch', undefined, 'recurseSubmodules', 'false'],
  ['fetch', undefined, 'unpackLimit', '1'],
  ['submodule', undefined, 'recurse', 'false'],
  ['gc', undefined, 'auto', '0'],
  ['maintenance', undefined, 'auto', 'false'],
  ['advice', undefined, 'detachedHead', 'false'],
  ['pack', undefined, 'threads', '1'],
];

function remoteSettings(remote: RemoteUrl, credentials: GitCredentials, caFile: string | undefined): Setting[] {
  const settings: Setting[] = [['protocol', remote.transport, 'allow', 'always']];
  if (remote.origin !== undefined) {
    if (caFile !== undefined) settings.push(['http', remote.origin, 'sslCAInfo', caFile]);
    if (credentials.password !== undefined)
      settings.push(['http', remote.origin, 'extraHeader', `Authorization: Basic ${basic(credentials)}`]);
  }
  if (remote.path !== undefined) {
    // The repository of a person is read by a daemon that may be another user. Both ends of the transport read this.
    for (const path of [remote.path, `${remote.path}/.git`]) settings.push(['safe', undefined, 'directory', path]);
    settings.push(['uploadpack', undefined, 'allowFilter', 'true']);
    settings.push(['uploadpack', undefined, 'allowAnySHA1InWant', 'true']);
  }
  return settings;
}

const basic = ({ username = DEFAULT_USERNAME, password = '' }: GitCredentials): string =>
  Buffer.from(`${username}:${password}`).toString('base64');

/** Texts that no message may hold. */
export const secretsOf = (credentials: GitCredentials): string[] =>
  credentials.password ? [credentials.password, encodeURIComponent(credentials.password), basic(credentials)] : [];

function configText(settings: readonly Setting[]): string {
  const lines = settings.map(([section, subsection, key, value]) => {
    const name = subsection === undefined ? '' : ` "${escaped(subsection)}"`;
    return `[${section}${name}]\n\t${key} = "${escaped(value)}"\n`;
  });
  return lines.join('');
}

/** git-config(1), Syntax. A line break in a value is written as \n; subsections never hold one. */
const escaped = (text: string): string => text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');

function environment(root: string, home: string, remote: RemoteUrl): Record<string, string> {
  const inherited = INHERITED.flatMap((name) => {
    const value = process.env[name];
    return value === undefined ? [] : [[name, value] as const];
  });
  return {
    ...Object.fromEntries(inherited),
    HOME: home,
    LC_ALL: 'C',
    TZ: 'UTC',
    // A repository around the data folder is not ours to read.
    GIT_CEILING_DIRECTORIES: root,
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_ATTR_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
    GIT_ALLOW_PROTOCOL: remote.transport,
    GIT_PROTOCOL_FROM_USER: '0',
    GIT_NO_LAZY_FETCH: '1',
    GIT_NO_REPLACE_OBJECTS: '1',
    GIT_LITERAL_PATHSPECS: '1',
    GIT_OPTIONAL_LOCKS: '0',
    GIT_ALLOC_LIMIT: ALLOCATION,
    GIT_SSH_COMMAND: SSH,
    GIT_SSH_VARIANT: 'ssh',
  };
}
