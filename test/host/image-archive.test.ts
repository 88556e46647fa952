import { request, type IncomingMessage, type RequestOptions } from 'node:http';
import { json, text } from 'node:stream/consumers';
import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { quickstartImage } from '../../src/host/image-archive.ts';
import { ensureStaticBusybox } from '../../src/host/packages.ts';
import { eventually } from '../support/wait.ts';

// Real servers and processes, on whatever machine this is.
vi.setConfig({ testTimeout: 60_000, hookTimeout: 60_000 });

const socketPath = '/var/run/docker.sock';
const name = `miniaws-host-test-${randomBytes(4).toString('hex')}`;
const containers: string[] = [];
let image: string;

function call(method: string, path: string, body?: Buffer | object): Promise<IncomingMessage> {
  const raw = Buffer.isBuffer(body);
  const headers = { 'content-type': raw ? 'application/x-tar' : 'application/json' };
  const options: RequestOptions = { socketPath, method, path, headers, agent: false };
  return new Promise((resolve, reject) => {
    const sent = request(options, resolve).once('error', reject);
    sent.end(raw || body === undefined ? body : JSON.stringify(body));
  });
}

async function container(config: object): Promise<{ id: string; address: string }> {
  const made = (await json(
    await call('POST', '/containers/create', { Image: image, Labels: { [name]: '' }, ...config }),
  )) as { Id: string };
  containers.push(made.Id);
  expect((await call('POST', `/containers/${made.Id}/start`)).statusCode).toBe(204);
  const seen = (await json(await call('GET', `/containers/${made.Id}/json`))) as {
    NetworkSettings: { IPAddress: string };
  };
  return { id: made.Id, address: seen.NetworkSettings.IPAddress };
}

const page = (address: string, port = 80): Promise<string> =>
  fetch(`http://${address}:${port}/`).then(
    (r) => r.text(),
    () => '',
  );

beforeAll(async () => {
  const { tar, changes } = await quickstartImage(await ensureStaticBusybox());
  const query = new URLSearchParams({ fromSrc: '-', repo: name, tag: 'v1' });
  for (const change of [...changes, `LABEL ${name}=`]) query.append('changes', change);
  const answer = await text(await call('POST', `/images/create?${query.toString()}`, tar));
  image = /sha256:[0-9a-f]{64}/.exec(answer)?.[0] ?? '';
  expect(answer).toContain('sha256:');
});

afterAll(async () => {
  for (const id of containers) await call('DELETE', `/containers/${id}?force=true&v=true`);
  if (image) await call('DELETE', `/images/${image}`);
});

describe('the quickstart’s image', () => {
  it('is the same, byte for byte, each time', async () => {
    const busybox = await ensureStaticBusybox();
    expect((await quickstartImage(busybox)).tar.equals((await quickstartImage(busybox)).tar)).toBe(true);
  });

  it('serves a page that says which instance answered, by name and by host name', async () => {
    const { address } = await container({ Hostname: 'web-1', Env: ['MINIAWS_INSTANCE=web <1>'] });
    await eventually('the page', async () => (await page(address)).includes('Hello from web &lt;1>'));
    expect(await page(address)).toContain('<code>web-1</code>');
  });

  it('runs as another user, on another port', async () => {
    const { address } = await container({ Hostname: 'web-2', User: 'nobody', Env: ['PORT=8080'] });
    await eventually('the page', async () => (await page(address, 8080)).includes('Hello from web-2'));
  });

  it('stops at once on SIGTERM, as process 1', async () => {
    const { id, address } = await container({ Hostname: 'web-3' });
    await eventually('the page', async () => (await page(address)) !== '');
    const began = performance.now();
    await call('POST', `/containers/${id}/stop?t=30`);
    expect(performance.now() - began).toBeLessThan(5_000);
    const { State } = (await json(await call('GET', `/containers/${id}/json`))) as { State: { ExitCode: number } };
    expect(State.ExitCode).toBe(0);
  });

  it('has the usual programs for exec and health checks', async () => {
    const check =
      'for p in sh httpd nc sleep echo cat ls ps wget kill sed env; do command -v $p || exit 1; done; touch /tmp/x';
    const { id } = await container({ Cmd: ['sh', '-c', check], User: 'nobody' });
    const ended = (await json(await call('POST', `/containers/${id}/wait`))) as { StatusCode: number };
    expect(ended.StatusCode).toBe(0);
  });
});
