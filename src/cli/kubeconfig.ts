import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { parse } from 'yaml';
import { codeOf, messageOf } from '../base/errors.ts';
import { withoutTrailingSlashes } from '../base/slashes.ts';
import { Failure } from './failure.ts';

/** Where the API is, whom to trust there, and as whom. */
export interface Connection {
  server: string;
  /** PEM of the authorities that the server's certificate may come from; none: those that Node trusts. */
  ca?: string;
  token?: string;
  /** The namespace of commands that name none. */
  namespace?: string;
  /** The name that the certificate must carry when it is not the address's. */
  serverName?: string;
  insecure?: boolean;
}

export interface ConnectionOptions {
  kubeconfig?: string;
  context?: string;
  server?: string;
}

interface Named {
  name?: unknown;
  cluster?: Record<string, unknown>;
  user?: Record<string, unknown>;
  context?: Record<string, unknown>;
}

interface Kubeconfig {
  'current-context'?: unknown;
  clusters?: Named[];
  users?: Named[];
  contexts?: Named[];
}

/** A kubeconfig is small; anything larger is something else. */
const MAX_BYTES = 1 << 20;

/**
 * The connection that the flags and the environment ask for: `--kubeconfig`, else the first file of KUBECONFIG that
 * exists, else the data folder's. Throws a Failure that says which file and what is wrong with it.
 */
export function connectionOf(options: ConnectionOptions, env: NodeJS.ProcessEnv, fallback: string): Connection {
  const path = pathOfKubeconfig(options, env) ?? fallback;
  const connection = readKubeconfig(path, options.context);
  const server = options.server ?? connection.server;
  if (!/^https:\/\/[^/?#]+/.test(server))
    throw new Failure(`${server} is no https address: the key in ${path} is sent over https only`);
  return { ...connection, server: withoutTrailingSlashes(server) };
}

/** The one that a flag or the environment names. */
export const pathOfKubeconfig = ({ kubeconfig }: ConnectionOptions, env: NodeJS.ProcessEnv): string | undefined =>
  kubeconfig ?? firstExisting(env['KUBECONFIG']);

/** Where kubectl keeps its own. */
export const homeKubeconfig = (env: NodeJS.ProcessEnv): string => join(env['HOME'] || homedir(), '.kube', 'config');

function firstExisting(list: string | undefined): string | undefined {
  const paths = (list ?? '').split(delimiter).filter(Boolean);
  return paths.find((path) => readText(path) !== undefined) ?? paths[0];
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR') return undefined;
    if (codeOf(error) === 'EACCES')
      throw new Failure(
        `${path} cannot be read by this user: use sudo, or give another with --kubeconfig or KUBECONFIG`,
      );
    throw new Failure(`${path} cannot be read: ${messageOf(error)}`);
  }
}

function readKubeconfig(path: string, context: string | undefined): Connection {
  const text = readText(path);
  if (text === undefined)
    throw new Failure(
      `no kubeconfig at ${path}: start the daemon (miniaws up), which writes it, or give one with --kubeconfig`,
    );
  if (text.length > MAX_BYTES) throw new Failure(`${path} is too large to be a kubeconfig`);
  let config: Kubeconfig | null;
  try {
    config = parse(text) as Kubeconfig | null;
  } catch (error) {
    throw new Failure(`${path} is no kubeconfig: ${messageOf(error).split('\n')[0]}`);
  }
  if (typeof config !== 'object' || config === null) throw new Failure(`${path} is no kubeconfig: it is not a mapping`);
  return connectionIn(config, path, context);
}

function connectionIn(config: Kubeconfig, path: string, wanted: string | undefined): Connection {
  const name = wanted ?? textOf(config['current-context']);
  if (name === undefined) throw new Failure(`${path} has no current-context: choose one with --context`);
  const context = entry(config.contexts, name, 'context', path).context ?? {};
  const cluster = entry(config.clusters, String(context['cluster']), 'cluster', path).cluster ?? {};
  const user = entry(config.users, String(context['user']), 'user', path).user ?? {};
  const server = textOf(cluster['server']);
  if (server === undefined) throw new Failure(`${path}: cluster ${String(context['cluster'])} has no server`);
  return {
    server,
    ...optional('ca', fromDataOrFile(cluster, 'certificate-authority', path)),
    ...optional('token', textOf(user['token']) ?? tokenFile(user, path)),
    ...optional('namespace', textOf(context['namespace'])),
    ...optional('serverName', textOf(cluster['tls-server-name'])),
    ...(cluster['insecure-skip-tls-verify'] === true ? { insecure: true } : {}),
  };
}

function entry(list: Named[] | undefined, name: string, what: string, path: string): Named {
  const found = (Array.isArray(list) ? list : []).find((item) => item?.name === name);
  if (!found) throw new Failure(`${path} has no ${what} "${name}"`);
  return found;
}

const textOf = (value: unknown): string | undefined => (typeof value === 'string' && value !== '' ? value : undefined);

const optional = <K extends string>(key: K, value: string | undefined) =>
  (value === undefined ? {} : { [key]: value }) as { [k in K]?: string };

function fromDataOrFile(from: Record<string, unknown>, key: string, path: string): string | undefined {
  const data = textOf(from[`${key}-data`]);
  if (data !== undefined) return Buffer.from(data, 'base64').toString('utf8');
  return referred(textOf(from[key]), path);
}

const tokenFile = (user: Record<string, unknown>, path: string): string | undefined =>
  referred(textOf(user['tokenFile']), path)?.trim();

/** Files that a kubeconfig refers to are relative to it. */
function referred(file: string | undefined, path: string): string | undefined {
  if (file === undefined) return undefined;
  const text = readText(resolve(dirname(path), file));
  if (text === undefined) throw new Failure(`${path} refers to ${file}, which does not exist`);
  return text;
}
