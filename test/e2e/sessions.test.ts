import { once } from 'node:events';
import { connect } from 'node:net';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { freePort } from '../../src/host/ports.ts';
import type { LoadBalancer } from '../../src/kinds/load-balancer/types.ts';
import { Cloud } from '../support/cloud.ts';
import { instance, manifest, vpc } from '../support/manifests.ts';
import { eventually } from '../support/wait.ts';

/** Switches to a protocol in which it says what it is told. */
const SWITCH = String.raw`printf "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n"; exec cat`;
const UPGRADE = 'GET / HTTP/1.1\r\nHost: app\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\n';

let cloud: Cloud;
let port: number;
beforeAll(async () => {
  cloud = await Cloud.start();
  port = await freePort();
  const command = ['sh', '-c', `exec nc -ll -p 80 -e sh -c '${SWITCH}'`];
  const labels = { app: 'chat' };
  await cloud.apply(
    vpc('net', { cidrBlock: '10.215.10.0/24' }),
    instance('chat', { image: cloud.image, vpc: 'net', command, stopGracePeriod: '0s' }, { labels }),
    balancer(),
  );
  await cloud.ready('loadbalancers', 'front');
});
afterAll(() => cloud?.close());

const balancer = (more: object = {}) =>
  manifest('LoadBalancer', 'front', {
    vpc: 'net',
    listeners: [{ port }],
    targetGroups: [{ name: 'chat', selector: { app: 'chat' }, targetPort: 80 }],
    healthCheck: { interval: '500ms', healthyThreshold: 1 },
    deregistrationDelay: '2s',
    ...more,
  });
const now = async () => (await cloud.find('loadbalancers', 'front')) as unknown as LoadBalancer;

it('a web socket outlives edits of its load balancer; with its target it is cut, and counted', async () => {
  const socket = connect(port, '127.0.0.1').on('error', () => undefined);
  let text = '';
  socket.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
  await once(socket, 'connect');
  socket.write(UPGRADE);
  await eventually('the switch', () => text.includes('101 Switching'));
  for (const idleTimeout of ['70s', '80s']) {
    const told = (await now()).status?.lastChange?.at;
    await cloud.apply(balancer({ idleTimeout }));
    const lastChange = await eventually('the change to be complete', async () => {
      const { status } = await now();
      return status?.lastChange?.at !== told && status?.lastChange;
    });
    expect(lastChange).toMatchObject({ failedRequests: 0, cutSessions: 0 });
    socket.write(`after ${idleTimeout}`);
    await eventually('an echo', () => text.endsWith(`after ${idleTimeout}`));
  }
  const begun = performance.now();
  await cloud.remove('instances', 'chat');
  await eventually('its end', () => socket.closed);
  expect(performance.now() - begun).toBeGreaterThan(1_900);
  await cloud.gone('instances', 'chat');
  const { status } = await eventually('it to be told', async () => {
    const lb = await now();
    return (lb.status?.lastChange?.cutSessions ?? 0) > 0 && lb;
  });
  expect(status).toMatchObject({ targets: [], lastChange: { cutSessions: 1 } });
});
