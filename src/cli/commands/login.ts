import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import type { Command } from 'commander';
import { DEFAULT_NAMESPACE } from '../../api/metadata.ts';
import { withoutTrailingSlashes } from '../../base/slashes.ts';
import { messageOf } from '../../base/errors.ts';
import { definedOnly } from '../../base/defined.ts';
import { ApiClient } from '../client.ts';
import { Failure } from '../failure.ts';
import { printable } from '../io.ts';
import { homeKubeconfig, pathOfKubeconfig } from '../kubeconfig.ts';
import { readKubeconfigFile, withContext, writeKubeconfigFile } from '../kubeconfig-file.ts';
import { clusterOf } from '../../base/kubeconfig-text.ts';
import type { ClientSetup, Session } from '../session.ts';
import { task } from '../session.ts';
import { Columns } from '../table.ts';
import { whoIs } from './access.ts';

/** Characters of a token at most: one of a company's sign-in has a few thousand. */
const LONGEST = 8_192;

interface LoginOptions {
  name?: string;
  ca?: string;
}

/** Where contexts are kept: as said, else where kubectl keeps them. */
const fileOf = ({ options, io }: Session): string => pathOfKubeconfig(options, io.env) ?? homeKubeconfig(io.env);

export function addLogin(program: Command, setup: ClientSetup): void {
  program
    .command('login')
    .argument('<server>', 'https address of the daemon')
    .description(
      'keep a key for a server as a context of the kubeconfig, and use it from now on; the key is read from standard input',
    )
    .option('--name <context>', "of the context (default: the server's host)")
    .option('--ca <file>', "the authority of the server's certificate (default: those that this machine trusts)")
    .action(task<[string], LoginOptions>(setup, (session, [server], options) => login(session, server, options)));
}

async function login(session: Session, server: string, { name, ca: caFile }: LoginOptions): Promise<void> {
  if (!URL.canParse(server) || new URL(server).protocol !== 'https:')
    throw new Failure(`${server} is no https address, such as https://cloud.example:7443`);
  const ca = caFile === undefined ? undefined : await readCa(caFile);
  const token = await readToken(session);
  const connection = { server: withoutTrailingSlashes(server), token, ...definedOnly({ ca }) };
  const client = new ApiClient(connection, session.kinds, { requestTimeoutMs: session.options.requestTimeout });
  try {
    const { username } = await whoIs({ client });
    const path = fileOf(session);
    const context = name ?? new URL(server).host;
    const document = await readKubeconfigFile(path);
    const namespace = session.options.namespace ?? DEFAULT_NAMESPACE;
    withContext(document, { context, cluster: clusterOf(connection.server, ca), token, namespace });
    await writeKubeconfigFile(path, document);
    session.print(`logged in as ${printable(username)}: context ${context} of ${path} is used from now on`);
  } finally {
    client.close();
  }
}

const readCa = (file: string): Promise<string> =>
  readFile(file, 'utf8').catch((error: unknown) => {
    throw new Failure(`--ca ${file} cannot be read: ${messageOf(error)}`);
  });

/** Not of an argument, which every process of the machine can read. On a terminal nothing is shown. */
async function readToken({ io, signal }: Session): Promise<string> {
  const silent = new Writable({ write: (_chunk, _encoding, done) => done() });
  const isTerminal = io.stdin.isTTY === true;
  if (isTerminal) io.stderr.write('key: ');
  const lines = createInterface({ input: io.stdin, output: silent, terminal: isTerminal });
  try {
    for await (const line of lines) {
      if (signal.aborted) break;
      const token = line.trim();
      if (token.length > LONGEST || !/^[\x21-\x7e]+$/.test(token))
        throw new Failure('what was given is no key: it has one word');
      return token;
    }
    throw new Failure('no key was given: miniaws login SERVER < FILE, or type it');
  } finally {
    lines.close();
    if (isTerminal) io.stderr.write('\n');
  }
}

interface Contexts {
  contexts?: { name?: unknown; context?: { cluster?: unknown; namespace?: unknown } }[];
  clusters?: { name?: unknown; cluster?: { server?: unknown } }[];
  'current-context'?: unknown;
}

export function addContexts(program: Command, setup: ClientSetup): void {
  program
    .command('contexts')
    .argument('[name]', 'of the context that is used from now on')
    .description('print the contexts of the kubeconfig, or choose one')
    .action(
      task<[string | undefined], object>(setup, async (session, [name]) => {
        const path = fileOf(session);
        const document = await readKubeconfigFile(path);
        const { contexts = [], clusters = [], ...config } = (document.toJS() ?? {}) as Contexts;
        if (name !== undefined) {
          if (!contexts.some((each) => each.name === name)) throw new Failure(`${path} has no context "${name}"`);
          document.set('current-context', name);
          await writeKubeconfigFile(path, document);
          return session.print(`context ${name} is used from now on`);
        }
        const rows = contexts.map(({ name: each, context = {} }) => [
          each === config['current-context'] ? '*' : '',
          textOf(each),
          textOf(clusters.find((cluster) => cluster.name === context.cluster)?.cluster?.server),
          textOf(context.namespace),
        ]);
        session.print(new Columns().lines([['', 'NAME', 'SERVER', 'NAMESPACE'], ...rows]).join('\n'));
      }),
    );
}

const textOf = (value: unknown): string => (typeof value === 'string' ? printable(value) : '');
