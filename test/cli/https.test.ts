import { createServer } from 'node:https';
import type { Server } from 'node:https';
import { connect } from 'node:net';
import type { AddressInfo } from 'node:net';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { ApiClient } from '../../src/cli/client.ts';
import type { ClientOptions } from '../../src/cli/client.ts';
import { ensureCertificates } from '../../src/host/certificates.ts';
import { KINDS } from '../../src/kinds/index.ts';

/** A server that does with each connection what a path says. */
let server: Server;
let dir: string;
let ca: string;
let connections = 0;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'miniaws-https-'));
  const made = await ensureCertificates({ folder: join(dir, 'tls'), names: ['127.0.0.1'], now: new Date() });
  ca = made.ca;
  server = createServer({ cert: made.cert, key: made.key }, (request, response) => {
    if (request.url === '/silent') return;
    if (request.url === '/stops') return void response.write('{"half":');
    if (request.url === '/breaks') return void response.write('{"half":', () => response.destroy());
    if (request.url === '/closes') return void response.end('{}', () => request.socket.destroySoon());
    request.pipe(response);
  });
  server.on('secureConnection', () => connections++);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await rm(dir, { recursive: true, force: true });
});

async function ask<T>(work: (client: ApiClient) => Promise<T>, options: ClientOptions = {}): Promise<T> {
  const { port } = server.address() as AddressInfo;
  const client = new ApiClient({ server: `https://127.0.0.1:${port}`, ca, token: 'k' }, KINDS, options);
  try {
    return await work(client);
  } finally {
    client.close();
  }
}

it('one connection is kept for many requests, and one that the server has closed is opened again', async () => {
  const before = connections;
  const bodies = await ask(async (client) => {
    const answers = [];
    for (const path of ['/echo', '/echo', '/closes'])
      answers.push((await client.send('POST', path, { body: { path } })).body);
    answers.push(await client.get('/closes'));
    return answers;
  });
  expect(bodies).toEqual([{ path: '/echo' }, { path: '/echo' }, {}, {}]);
  expect(connections - before).toBe(2);
});

it.each(['/silent', '/stops'])('%s: an answer that does not come, or stops, is given up and told', async (path) => {
  await expect(ask((client) => client.get(path), { requestTimeoutMs: 200 })).rejects.toThrow(
    /no answer from https:.* in time: raise --request-timeout/,
  );
});

it('an answer that breaks off is no answer', async () => {
  await expect(ask((client) => client.get('/breaks'))).rejects.toThrow('the connection was reset');
});

it('a stream ends when the client is closed, and when who asked leaves', async () => {
  const leave = new AbortController();
  await ask(async (client) => {
    const stream = await client.stream('/stops', { signal: leave.signal });
    leave.abort();
    await expect(stream.toArray()).rejects.toThrow('aborted');
  });
  const open = await ask((client) => client.stream('/stops'));
  await expect(open.toArray()).rejects.toThrow('aborted');
});

it('a certificate of another authority is not trusted', async () => {
  const { port } = server.address() as AddressInfo;
  const stranger = new ApiClient({ server: `https://127.0.0.1:${port}` }, KINDS);
  await expect(stranger.get('/echo')).rejects.toThrow('its certificate is not of the authority in the kubeconfig');
  stranger.close();
});

it('what speaks no TLS is told from what is away', async () => {
  const plain = (await import('node:http')).createServer().listen(0, '127.0.0.1');
  await new Promise((resolve) => plain.once('listening', resolve));
  const { port } = plain.address() as AddressInfo;
  const client = new ApiClient({ server: `https://127.0.0.1:${port}` }, KINDS);
  await expect(client.get('/')).rejects.toThrow('is not the miniaws API');
  await new Promise((resolve) => plain.close(resolve));
  await new Promise((resolve) => connect(port, '127.0.0.1').once('error', resolve));
  await expect(client.get('/')).rejects.toThrow('connection refused');
  client.close();
});
