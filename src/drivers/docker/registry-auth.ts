import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { withoutSecrets } from '../../base/config.ts';
import { codeOf } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';

/** Milliseconds a credential helper may take: it may have to unlock a keychain. */
const HELPER_TIMEOUT_MS = 10_000;

/** Docker Hub's entry in the configuration is this address, not its host. */
const DOCKER_HUB = 'https://index.docker.io/v1/';

/** What the Engine's pull takes as `X-Registry-Auth`. Never logged (I10). */
export type RegistryAuth =
  | { username: string; password: string; serveraddress: string }
  | { identitytoken: string; serveraddress: string };

interface ClientConfig {
  auths?: Record<string, { auth?: string; username?: string; password?: string; identitytoken?: string }>;
  credHelpers?: Record<string, string>;
  credsStore?: string;
}

/**
 * The credentials that `docker login` left for this registry in the Engine's client configuration; `undefined` when
 * there are none, or none that can be read: then the pull is anonymous, and the registry says what it thinks of that.
 */
export async function registryAuth(
  registry: string,
  log: Log,
  env: NodeJS.ProcessEnv = process.env,
): Promise<RegistryAuth | undefined> {
  const address = registry === 'docker.io' ? DOCKER_HUB : registry;
  try {
    const config = await readConfig(env);
    const helper = config.credHelpers?.[address] ?? config.credHelpers?.[registry] ?? config.credsStore;
    return (helper ? await askHelper(helper, address, env) : undefined) ?? fromFile(config, registry, address);
  } catch (error) {
    // Not the error itself: a parser's message quotes what it read.
    log.warn({ registry, code: codeOf(error) }, 'registry credentials unreadable');
    return undefined;
  }
}

async function readConfig(env: NodeJS.ProcessEnv): Promise<ClientConfig> {
  const file = join(env['DOCKER_CONFIG'] || join(homedir(), '.docker'), 'config.json');
  try {
    return JSON.parse(await readFile(file, 'utf8')) as ClientConfig;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return {};
    throw error;
  }
}

/** Entries are hosts or, as older clients wrote them, addresses: `https://registry.example/v1/`. */
function fromFile(config: ClientConfig, registry: string, address: string): RegistryAuth | undefined {
  const auths = config.auths ?? {};
  const key = Object.keys(auths).find((k) => k === address || hostOf(k) === registry);
  const entry = key === undefined ? undefined : auths[key];
  if (!entry) return undefined;
  if (entry.identitytoken) return { identitytoken: entry.identitytoken, serveraddress: address };
  const [user = '', ...rest] = Buffer.from(entry.auth ?? '', 'base64')
    .toString('utf8')
    .split(':');
  const username = entry.username ?? user;
  const password = entry.password ?? rest.join(':');
  return username ? { username, password, serveraddress: address } : undefined;
}

const hostOf = (key: string): string => key.replace(/^https?:\/\//, '').split('/')[0] ?? '';

/** The protocol of docker-credential-helpers: the address on standard input, JSON on standard output. */
async function askHelper(helper: string, address: string, env: NodeJS.ProcessEnv): Promise<RegistryAuth | undefined> {
  if (!/^[\w.-]+$/.test(helper)) return undefined;
  const answer = await runHelper(`docker-credential-${helper}`, address, env);
  if (answer === undefined) return undefined;
  const { Username: username, Secret: secret } = JSON.parse(answer) as { Username?: string; Secret?: string };
  if (!username || !secret) return undefined;
  if (username === '<token>') return { identitytoken: secret, serveraddress: address };
  return { username, password: secret, serveraddress: address };
}

/** A helper that has nothing for the address exits with 1: that is no failure. */
function runHelper(file: string, input: string, env: NodeJS.ProcessEnv): Promise<string | undefined> {
  return new Promise((resolve) => {
    const limits = { timeout: HELPER_TIMEOUT_MS, maxBuffer: 64 * 1024, killSignal: 'SIGKILL' as const };
    const options = { ...limits, env: withoutSecrets(env) };
    const child = execFile(file, ['get'], options, (error, stdout) => resolve(error ? undefined : stdout));
    child.stdin?.on('error', () => undefined).end(input);
  });
}
