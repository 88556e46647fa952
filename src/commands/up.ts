import { fileURLToPath } from 'node:url';
import type { Command } from 'commander';
import { systemClock } from '../base/clock.ts';
import { KINDS } from '../kinds/index.ts';
import { readConfig, SETTINGS } from '../base/config.ts';
import type { Config } from '../base/config.ts';
import { messageOf } from '../base/errors.ts';
import { ApiClient } from '../cli/client.ts';
import { connectionOf } from '../cli/kubeconfig.ts';
import { pause } from '../cli/pause.ts';
import { openDataFolder } from '../host/data-folder.ts';
import type { DataFolder } from '../host/data-folder.ts';
import { ensureEngine } from '../host/ensure-engine.ts';
import { identifyProcess } from '../host/process-identity.ts';
import { lastLog, runningDaemon, say, startInBackground } from './machine.ts';
import { ensureQuickstartImage } from './quickstart.ts';
import { withSettings } from './serve.ts';

/** An embedded database is made in about 2 s, an Engine's first look takes less; a slow disk gets its time. */
const START_MS = 120_000;
const LOOK_MS = 50;
const QUICKSTART = fileURLToPath(new URL('../../examples/quickstart/', import.meta.url));
/** Where its load balancer listens. */
const QUICKSTART_URL = 'http://localhost:8088/';

/** Everything that a fresh machine needs, then the quickstart: each part is left alone when it is there already. */
export function upCommand(program: Command, runClient: (args: readonly string[]) => Promise<number>): void {
  withSettings(
    program
      .command('up')
      .option('--no-quickstart', 'start the daemon only')
      .description('install what is missing, start the daemon in the background, and apply the quickstart'),
  ).action(async (flags: Partial<Record<string, string>> & { quickstart?: boolean }) => {
    const { quickstart, ...settings } = flags;
    const config = readConfig(settings, process.env);
    const folder = await openDataFolder(config.dataDir || undefined);
    if (config.engine === 'docker') await engine(config);
    await daemon(config, folder);
    const client = new ApiClient(connectionOf({ kubeconfig: folder.adminKubeconfig }, {}, ''), KINDS);
    try {
      if (quickstart !== false) await applyQuickstart(config, folder, client, runClient);
    } finally {
      await client.close();
    }
  });
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
): Promise<void> {
  if (config.engine === 'docker') {
    const { installation } = await client.get<{ installation: string }>('/version');
    await ensureQuickstartImage(config, installation, (text) => say(`  ${text}`));
  }
  const kubeconfig = ['--kubeconfig', folder.adminKubeconfig];
  if ((await runClient([...kubeconfig, 'apply', '-f', QUICKSTART, '--wait'])) !== 0)
    throw new Error('the quickstart did not become ready: miniaws why loadbalancer/front tells why');
  say('');
  await runClient([...kubeconfig, 'get', 'all']);
  if (config.engine === 'docker') say(`\n✓ ${QUICKSTART_URL} answers: ${await answerOf(QUICKSTART_URL)}`);
  say('\nTry next:');
  say('  npx miniaws get instances -w             # watch, while you do this in another terminal:');
  say('  docker rm -f $(docker ps -qf name=web-0) # it comes back');
  say('  npx miniaws scale web 5                  # more of them');
  say('  npx miniaws reconcile-log -f             # and this is why');
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
