import { connect } from 'node:net';
import { afterAll } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import type { Compute } from '../../../src/drivers/compute.ts';
import { createDockerCompute } from '../../../src/drivers/docker/docker-compute.ts';
import { createHaproxyProxies } from '../../../src/drivers/haproxy/haproxy-proxies.ts';
import { cleanInstallation, engine, freshInstallation } from '../../support/engine.ts';
import { testImage } from '../../support/images.ts';
import { testProxyImage } from '../../support/proxy-image.ts';
import { collect, textOf } from '../contract/context.ts';
import { addressOf, HOLD_PORT, type ProxySubject } from './context.ts';
import { proxyContract } from './contract.ts';
import { requestTests } from './requests.ts';
import { trafficTests } from './traffic.ts';
import { tunnelTests } from './tunnels.ts';

const installation = freshInstallation();

/** All processes of HAProxy but its master. */
const STOP_WORKERS = `for p in /proc/[0-9]*; do
  [ "$(cat $p/comm)" = haproxy ] && [ $p != /proc/1 ] && kill -STOP \${p#/proc/}; done; true`;
const ADMIN = 'echo "$1" | nc 127.0.0.1 9900';

async function open(): Promise<ProxySubject> {
  const compute = createDockerCompute({ installation });
  const images = { proxy: await testProxyImage(engine), web: await testImage(engine) };
  const proxies = createHaproxyProxies({ compute, clock: systemClock });
  const admin = (id: string, command: string) => shell(compute, id, ADMIN, command);
  return {
    compute,
    proxies,
    another: () => createHaproxyProxies({ compute, clock: systemClock }),
    images,
    range: '10.213.210',
    hands: {
      hold: async (proxy) => {
        const socket = connect(HOLD_PORT, addressOf(proxy)).on('error', () => undefined);
        socket.write('GET / HTTP/1.1\r\nHost: hold\r\n\r\n');
        return () => socket.destroy();
      },
      crash: async (id) => void process.kill((await engine.getContainer(id).inspect()).State.Pid, 'SIGKILL'),
      silence: async (id) => void (await shell(compute, id, STOP_WORKERS)),
      tamper: async (id, path) => compute.writeFiles(id, [{ path, content: '# by hand', mode: 0o644 }]),
      addByHand: async (id, { backend, server }, at) =>
        void (await admin(id, `add server ${backend}/${server} ${at.address}:${at.port}`)),
      setByHand: async (id, { backend, server }, mode) =>
        void (await admin(id, `set server ${backend}/${server} state ${mode}`)),
      refusing: (_id, config) => ({
        ...config,
        listeners: config.listeners.map((listener) => ({ ...listener, defaultBackend: 'nowhere' })),
      }),
    },
    close: async () => {
      proxies.close();
      await compute.close();
    },
  };
}

async function shell(compute: Compute, id: string, line: string, ...args: string[]): Promise<string> {
  const session = await compute.exec(id, { command: ['sh', '-c', line, 'sh', ...args], tty: false, stdin: false });
  return textOf(await collect(session.output), 'stdout');
}

afterAll(() => cleanInstallation(installation));

proxyContract('haproxy', open, (t) => {
  trafficTests(t);
  tunnelTests(t);
  requestTests(t);
});
