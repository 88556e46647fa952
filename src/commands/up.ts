import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { systemClock } from '../base/clock.ts';
import { KINDS } from '../kinds/index.ts';
import { readConfig, SETTINGS } from '../base/config.ts';
import type { Config } from '../base/config.ts';
import { messageOf } from '../base/errors.ts';
import { ApiClient } from '../cli/client.ts';
import { connectionOf } from '../cli/kubeconfig.ts';
import { findObject } from '../cli/objects.ts';
import { pause } from '../cli/pause.ts';
import { openDataFolder } from '../host/data-folder.ts';
import type { DataFolder } from '../host/data-folder.ts';
import { ensureEngine } from '../host/ensure-engine.ts';
import { freePort, isFree } from '../host/ports.ts';
import { identifyProcess } from '../host/process-identity.ts';
import { linkCommand } from '../host/command-link.ts';
import { COMMAND, lastLog, runningDaemon, say, startInBackground } from './machine.ts';
import { ensureQuickstartImage } from './quickstart.ts';
import { syncRepository } from './first-sync.ts';
import type { Repository } from './first-sync.ts';
import { withSettings } from './serve.ts';

/** An embedded database is made in about 2 s, an Engine's first look takes less; a slow disk gets its time. */
const START_MS = 120_000;
const LOOK_MS = 50;
const QUICKSTART = fileURLToPath(new URL('../../examples/quickstart/', import.meta.url));
/** Its load balancer, and the port that it has where that is free. */
const FRONT = { kind: 'LoadBalancer', namespace: 'default', name: 'front' };
const QUICKSTART_PORT = 8088;

/** Everything that a fresh machine needs, then the quickstart: each part is left alone when it is there already. */
export function upCommand(program: Command, runClient: (args: readonly string[]) => Promise<number>): void {
  withSettings(
    program
      .command('up')
      .option('--no-quickstart', 'start the daemon only')
      .option('--git <url>', 'in place of the quickstart: sync this repository, where nothing is synced yet')
      .option('--git-path <folder>', 'the folder in it; all of it when left out')
      .option('--git-branch <name>', "the branch that is followed; the remote's default when left out")
      .option('--no-link', 'do not put the command miniaws on the PATH')
      .description('install what is missing, start the daemon in the background, and apply the quickstart'),
  ).action(async (flags: Partial<Record<string, string>> & { quickstart?: boolean; link?: boolean }) => {
    const { quickstart, link, git, gitPath, gitBranch, ...settings } = flags;
    const repository = repositoryOf(git, gitPath, gitBranch);
    const config = readConfig(settings, process.env);
    const folder = await openDataFolder(config.dataDir || undefined);
    if (config.engine === 'docker') await engine(config);
    await daemon(config, folder);
    const isLinked = link !== false && (await linkCommand(folder, COMMAND, process.env['PATH'] ?? ''));
    if (isLinked) say('✓ the command miniaws is on the PATH');
    const client = new ApiClient(connectionOf({ kubeconfig: folder.adminKubeconfig }, {}, ''), KINDS);
    try {
      if (repository) await syncRepository(repository, folder, client, runClient);
      else if (quickstart !== false)
        await applyQuickstart(config, folder, client, runClient, isLinked ? 'miniaws' : 'npx miniaws');
    } finally {
      client.close();
    }
  });
}

/** Refused before anything is installed. */
function repositoryOf(url?: string, path?: string, branch?: string): Repository | undefined {
  if (url !== undefined) return { url, path, branch };
  if (path !== undefined || branch !== undefined)
    throw new Error('--git-path and --git-branch say what of a repository is synced: name it by --git URL');
  return undefined;
}

async function engine(config: Config): Promise<void> {
  process.env['DOCKER_HOST'] = config.dockerHost; // the flag speaks for everything that is started from here
  const { host, apiVersion } = await ensureEngine((text) => say(`  ${text}`));
  say(`✓ Docker Engine at ${host} (API ${apiVersion})`);
}

async function daemon(config: Config, folder: DataFolder): Promise<void> {
  const running = await runningDaemon(folder);
  if (running?.listen) return say(`✓ daemon runs already (process ${running.pid}, https://${running.listen})`);
  const pid = running?.pid ?? (await startInBackground(folder, environment(config, folder)));
  const listen = await untilListening(folder, pid);
  say(`✓ daemon started (process ${pid}, https://${listen}, log ${folder.daemonLog})`);
}

/** Flags of `up` reach the daemon by the environment: a password in DATABASE_URL shows in no process list. */
function environment(config: Config, folder: DataFolder): NodeJS.ProcessEnv {
  const settings = Object.entries(SETTINGS).map(([name, { env }]) => [env, config[name as keyof Config]]);
  return {
    ...process.env,
    ...Object.fromEntries(settings.filter(([, value]) => value !== '')),
    [SETTINGS.dataDir.env]: folder.path,
  };
}

async function untilListening(folder: DataFolder, pid: number): Promise<string> {
  const until = systemClock.monotonic() + START_MS;
  while (systemClock.monotonic() < until) {
    const lock = await runningDaemon(folder);
    if (lock?.listen) return lock.listen;
    if (!identifyProcess(pid)) break;
    await pause(LOOK_MS);
  }
  throw new Error(`the daemon did not start. Its log (${folder.daemonLog}) ends with:\n${await lastLog(folder)}`);
}

async function applyQuickstart(
  config: Config,
  folder: DataFolder,
  client: ApiClient,
  runClient: (args: readonly string[]) => Promise<number>,
  command: string,
): Promise<void> {
  if (config.engine === 'docker') {
    const { installation } = await client.get<{ installation: string }>('/version');
    await ensureQuickstartImage(config, installation, (text) => say(`  ${text}`));
  }
  const kubeconfig = ['--kubeconfig', folder.adminKubeconfig];
  const port = await quickstartPort(client);
  if (port !== QUICKSTART_PORT) say(`  port ${QUICKSTART_PORT} is another program's: the quickstart has ${port}`);
  const code = await withManifests(port, (folder) => runClient([...kubeconfig, 'apply', '-f', folder, '--wait']));
  if (code !== 0) throw new Error('the quickstart did not become ready: miniaws why loadbalancer/front tells why');
  say('');
  await runClient([...kubeconfig, 'get', 'all']);
  const url = `http://localhost:${port}/`;
  if (config.engine === 'docker') say(`\n✓ ${url} answers: ${await answerOf(url)}`);
  say('\nTry next:');
  const tries = [
    [`${command} get instances -w`, 'watch, while you do this in another terminal:'],
    ['docker rm -f $(docker ps -qf name=web-0)', 'it comes back'],
    [`${command} scale web 5`, 'more of them'],
    [`${command} reconcile-log -f`, 'and this is why'],
  ] as const;
  for (const [words, what] of tries) say(`  ${words.padEnd(40)} # ${what}`);
}

/** The one that it has already; else the usual one, or a free one where another program has that. */
async function quickstartPort(client: ApiClient): Promise<number> {
  const front = (await findObject(client, FRONT))?.spec as { listeners?: readonly { port: number }[] } | undefined;
  const [listener] = front?.listeners ?? [];
  return listener?.port ?? ((await isFree(QUICKSTART_PORT)) ? QUICKSTART_PORT : freePort());
}

/** Runs `work` on the quickstart's folder, or on a copy of it with another port. */
async function withManifests<T>(port: number, work: (folder: string) => Promise<T>): Promise<T> {
  if (port === QUICKSTART_PORT) return work(QUICKSTART);
  const folder = await mkdtemp(join(tmpdir(), 'miniaws-quickstart-'));
  try {
    for (const file of await readdir(QUICKSTART)) {
      const text = await readFile(join(QUICKSTART, file), 'utf8');
      await writeFile(join(folder, file), text.replaceAll(String(QUICKSTART_PORT), String(port)));
    }
    return await work(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function answerOf(url: string): Promise<string> {
  try {
    return (await (await fetch(url, { signal: AbortSignal.timeout(5_000) })).text())
      .replace(/<[^<>]*>/g, ' ')
      .replace(/\s+/g, ' ')
      .trim();
  } catch (error) {
    return messageOf(error);
  }
}
