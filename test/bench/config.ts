import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import type { Duplex } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import type Docker from 'dockerode';
import pLimit from 'p-limit';
import { pack } from 'tar-stream';
import type { Instance } from '../../src/kinds/instance/types.ts';
import { MERGE_PATCH } from '../../src/cli/client.ts';
import { LABEL } from '../../src/drivers/labels.ts';
import type { TestDaemon } from '../support/daemon.ts';
import { watch } from '../support/http.ts';
import { instance, pathOf, vpc } from '../support/manifests.ts';
import { atMost, pairs, summary, timed } from './figure.ts';
import type { Benchmark } from './figure.ts';
import { instancesOf } from './fleet.ts';
import { AT_ONCE, floorNetwork, startOn } from './floor.ts';
import type { Workshop } from './workshop.ts';

const INSTANCES = 50;
const PAIRS = 5;
const GOAL = 1.1;
const LIMIT_MS = 120_000;
const PATH = '/etc/app.conf';
/** A process that minds the signal, and does nothing else. */
const SERVER = ['sh', '-c', "trap ':' HUP; while true; do sleep 1000000; done"];
const contentOf = (round: number): string => `round = ${round}\n`.repeat(100);

/**
 * A changed ConfigMap, from the request until every one of 50 instances says that its file is replaced and its process
 * signalled; against a write, a rename and a signal for each of 50 equal containers, straight through the Engine's API.
 */
export const config: Benchmark = {
  name: 'config',
  async run(workshop) {
    const { docker, image } = await workshop.engine();
    const daemon = await workshop.daemon({ engine: 'docker' });
    const file = await workshop.manifests('config', [
      { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'app' }, data: { conf: contentOf(-1) } },
      vpc('bench', { cidrBlock: '10.216.110.0/24' }),
      ...Array.from({ length: INSTANCES }, (_, n) => given(`i-${n}`, image)),
    ]);
    await workshop.miniaws(daemon, 'apply', '--wait', '-f', file);
    const network = await floorNetwork(workshop, docker, '10.216.111.0/24');
    await startOn(workshop, docker, await instancesOf(daemon), network, 4);
    const filters = { label: [`${LABEL.installation}=${workshop.floorInstallation}`] };
    const containers = (await docker.listContainers({ filters })).map(({ Id }) => docker.getContainer(Id));
    const measured = await pairs(
      PAIRS,
      (round) => changed(workshop, daemon, round),
      async (round) => {
        const times: number[] = [];
        for (const atOnce of AT_ONCE) times.push(await straight(containers, round, atOnce));
        return Math.min(...times);
      },
    );
    const found = summary(measured);
    return [{ name: 'config', ...found, unit: 'ms', goal: atMost(found.ratio, GOAL, `ratio <= ${GOAL}`) }];
  },
};

const given = (name: string, image: string) =>
  instance(name, {
    vpc: 'bench',
    image,
    command: SERVER,
    stopGracePeriod: '0s',
    files: [{ path: PATH, configMap: 'app', key: 'conf', onChange: { signal: 'HUP' } }],
  });

const digestOf = ({ status }: Instance): string => Object.values(status?.config?.digests ?? {})[0] ?? '';

async function changed(workshop: Workshop, daemon: TestDaemon, round: number): Promise<number> {
  const before = new Map((await instancesOf(daemon)).map((i) => [i.metadata.name, digestOf(i)]));
  const watcher = await watch(daemon, `${pathOf('instances')}?watch=true`);
  const signal = AbortSignal.any([workshop.signal, AbortSignal.timeout(LIMIT_MS)]);
  const done = new Set<string>();
  try {
    return await timed(async () => {
      await daemon.client.send('PATCH', '/api/v1/namespaces/default/configmaps/app', {
        body: { data: { conf: contentOf(round) } },
        contentType: MERGE_PATCH,
      });
      while (done.size < INSTANCES) {
        for (const { object } of watcher.events.splice(0)) {
          const digest = digestOf(object as unknown as Instance);
          if (digest !== '' && digest !== before.get(object.metadata.name)) done.add(object.metadata.name);
        }
        if (done.size < INSTANCES) await once(watcher.response, 'data', { signal });
      }
    });
  } finally {
    watcher.close();
  }
}

function straight(containers: Docker.Container[], round: number, atOnce: number): Promise<number> {
  const limit = pLimit(atOnce);
  return timed(async () => {
    const archive = pack();
    archive.entry({ name: `${PATH.slice(1)}.new`, mode: 0o444 }, contentOf(round));
    archive.finalize();
    const tar = await buffer(archive);
    await Promise.all(containers.map((container) => limit(() => replaced(container, tar))));
  });
}

async function replaced(container: Docker.Container, tar: Buffer): Promise<void> {
  await container.putArchive(tar, { path: '/' });
  const options = { Cmd: ['mv', '-f', `${PATH}.new`, PATH], User: '0', AttachStdout: true, AttachStderr: true };
  const exec = await container.exec(options);
  const stream: Duplex = await exec.start({ hijack: true, stdin: false });
  stream.pipe(new PassThrough()).resume();
  await once(stream, 'close');
  await container.kill({ signal: 'SIGHUP' });
}
