import { once } from 'node:events';
import { connect } from 'node:tls';
import type WebSocket from 'ws';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Cloud } from '../support/cloud.ts';
import { engine, engineProxy } from '../support/engine.ts';
import type { EngineProxy } from '../support/engine.ts';
import { call, execPath, execSocket } from '../support/http.ts';
import { instance } from '../support/manifests.ts';
import { eventually } from '../support/wait.ts';

let proxy: EngineProxy;
let cloud: Cloud;
beforeAll(async () => {
  proxy = await engineProxy();
  cloud = await Cloud.start({ env: { DOCKER_HOST: proxy.host } });
  await cloud.apply(instance('web', { image: cloud.image, command: ['sleep', '100000'] }));
  await cloud.ready('instances', 'web');
});
afterAll(async () => {
  await cloud.close();
  await proxy.close();
});

const STDIN = 0;
const STATUS = 3;
const MIB = 2 ** 20;
const input = (data: string | Buffer) => Buffer.concat([Buffer.from([STDIN]), Buffer.from(data)]);
const CLOSE_INPUT = Buffer.from([0xff, STDIN]);

/** What a client has got. */
class Heard {
  readonly bytes = ['', '', '', ''];
  count = 0;

  constructor(socket: WebSocket) {
    socket.on('message', (data: Buffer) => {
      this.count += data.length - 1;
      const channel = data[0] ?? 0;
      // Long output is counted, not kept.
      if (data.length < 4096) this.bytes[channel] += data.subarray(1).toString('utf8');
    });
    socket.on('error', () => undefined);
  }

  status(): { status?: string; message?: string } {
    return JSON.parse(this.bytes[STATUS] || '{}') as { status?: string; message?: string };
  }
}

/** A session that has begun, whose command has said so. */
async function session(line: string): Promise<{ socket: WebSocket; heard: Heard }> {
  const socket = execSocket(cloud.daemon, execPath('web', ['sh', '-c', line], true));
  const heard = new Heard(socket);
  await once(socket, 'open');
  if (line.startsWith('echo begun')) await eventually('the command to begin', () => heard.bytes[1]?.includes('begun'));
  return { socket, heard };
}

/** Commands that the Engine has connections to, and those that run on. */
async function running(): Promise<number> {
  const { ExecIDs } = (await cloud.container('web')) as unknown as { ExecIDs: string[] | null };
  const infos = await Promise.all((ExecIDs ?? []).map((id) => engine.getExec(id).inspect()));
  return infos.filter((info) => info.Running).length;
}

const memory = async (): Promise<number> =>
  Number(/^process_resident_memory_bytes (\S+)$/m.exec((await call(cloud.daemon, 'GET', '/metrics')).text)?.[1]) / MIB;

/** The most of it while the server is asked this often: what a fast peer could fill is full long before. */
async function mostMemory(looks: number): Promise<number> {
  let most = 0;
  for (let i = 0; i < looks; i++) most = Math.max(most, await memory());
  return most;
}

/** One request as bytes, on a connection of its own; the whole answer, until the server ends it. */
async function raw(path: string, headers: Record<string, string>, method = 'GET'): Promise<string> {
  const { hostname, port, host } = new URL(cloud.daemon.url);
  const socket = connect({ host: hostname, port: Number(port), ca: cloud.daemon.ca });
  let text = '';
  socket.on('data', (data: Buffer) => (text += data.toString('latin1')));
  socket.on('error', () => undefined);
  await once(socket, 'secureConnect');
  const all = { host, authorization: `Bearer ${cloud.daemon.token}`, connection: 'Upgrade', ...headers };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.write(`${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n`);
  await once(socket, 'close');
  return text;
}

const HANDSHAKE = {
  upgrade: 'websocket',
  'sec-websocket-version': '13',
  'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
  'sec-websocket-protocol': 'v5.channel.k8s.io',
};

describe('a handshake that fails starts nothing', () => {
  it.each<[string, Record<string, string>, string?]>([
    ['a key that is none', { ...HANDSHAKE, 'sec-websocket-key': 'short' }],
    ['no key', { ...HANDSHAKE, 'sec-websocket-key': '' }],
    ['a version that is unknown', { ...HANDSHAKE, 'sec-websocket-version': '7' }],
    ['another protocol than WebSocket', { ...HANDSHAKE, upgrade: 'SPDY/3.1' }],
    ['a subprotocol that is unknown', { ...HANDSHAKE, 'sec-websocket-protocol': 'v9.channel.k8s.io' }],
    ['a subprotocol that cannot be read', { ...HANDSHAKE, 'sec-websocket-protocol': 'v5.channel.k8s.io,,' }],
    ['another method', HANDSHAKE, 'POST'],
  ])('%s', async (what, headers, method) => {
    const mark = `/tmp/ran-${what.replaceAll(' ', '-')}`;
    const answer = await raw(execPath('web', ['touch', mark]), headers, method);
    expect(answer).toMatch(/^HTTP\/1\.1 400 BadRequest\r\n/);
    expect(answer).toContain('"kind":"Status"');
    expect((await cloud.exec('web', 'sh', '-c', `ls ${mark}; true`)).stdout).toBe('');
  });

  it('a path with an escape that cannot be read is the client’s mistake', async () => {
    const answer = await raw(execPath('%zz', ['true']), HANDSHAKE);
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
  });
});

describe('each way out closes the Engine’s side', () => {
  it.each<[string, (socket: WebSocket) => void]>([
    ['the client closes', (socket) => socket.close()],
    ['the client’s connection breaks', (socket) => socket.terminate()],
    ['the client sends a frame that is too large', (socket) => socket.send(input(Buffer.alloc(2 * MIB)))],
    ['the client ends its input', (socket) => socket.send(CLOSE_INPUT)],
  ])('%s', async (_, leave) => {
    const { socket } = await session('echo begun; cat');
    expect(await running()).toBe(1);
    leave(socket);
    await eventually('the command to end', async () => (await running()) === 0);
    socket.terminate();
  });

  it.each(['sleep 54321', 'sh -c "sleep 54321; true"'])('a command that reads nothing ends too: %s', async (line) => {
    const { socket } = await session(`echo begun; ${line}`);
    expect(await running()).toBe(1);
    socket.terminate();
    await eventually('the command to end', async () => (await running()) === 0);
    const left = async () => (await cloud.exec('web', 'ps')).stdout.includes('sleep 54321');
    await eventually('its children to end', async () => !(await left()));
  });

  it('the client leaves before the command has begun', async () => {
    for (let i = 0; i < 20; i++) {
      const { socket } = await session('cat');
      socket.terminate();
    }
    await eventually('no command to run', async () => (await running()) === 0);
  });

  it('the Engine goes away: the client is told', async () => {
    const { socket, heard } = await session('echo begun; cat');
    await proxy.cut();
    await once(socket, 'close');
    await proxy.restore();
    expect(heard.status()).toMatchObject({ status: 'Failure' });
    await eventually(
      'the Engine to be reached',
      async () => (await call(cloud.daemon, 'GET', '/readyz/engine')).status === 200,
    );
    await eventually('the command to end', async () => (await running()) === 0);
  });

  it('a command that does not exist is told of on the connection', async () => {
    const socket = execSocket(cloud.daemon, execPath('web', ['/no/such/command']));
    const heard = new Heard(socket);
    await once(socket, 'close');
    expect(heard.status().status).toBe('Failure');
  });
});

describe('neither side is read faster than the other takes it', () => {
  it('a client that sends faster than the process reads', async () => {
    const { socket, heard } = await session('echo begun; while [ ! -e /tmp/go ]; do sleep 0.1; done; wc -c');
    const before = await memory();
    const piece = input(Buffer.alloc(MIB / 2, 'x'));
    const pieces = 400;
    for (let i = 0; i < pieces; i++) socket.send(piece);
    socket.send(CLOSE_INPUT);
    expect(await mostMemory(100)).toBeLessThan(before + 60);
    // All but what lies in the buffers on the way waits with the client.
    expect(socket.bufferedAmount).toBeGreaterThan(150 * MIB);
    await cloud.exec('web', 'touch', '/tmp/go');
    await once(socket, 'close');
    expect(heard.bytes[1]).toContain(String((pieces * MIB) / 2));
    expect(heard.status().status).toBe('Success');
  });

  it('a client that reads nothing, and then everything', async () => {
    const bytes = 200 * MIB;
    const before = await memory();
    const { socket, heard } = await session(`head -c ${bytes} /dev/zero`);
    socket.pause();
    expect(await mostMemory(100)).toBeLessThan(before + 60);
    // The process waits: it has not written all.
    expect(await running()).toBe(1);
    socket.resume();
    await once(socket, 'close');
    expect(heard.count - (heard.bytes[STATUS]?.length ?? 0)).toBe(bytes);
    expect(heard.status().status).toBe('Success');
  });

  it('sizes of a terminal, as many as there may be', async () => {
    const { socket, heard } = await session('echo begun; cat');
    const size = (Width: unknown, Height: unknown) =>
      Buffer.concat([Buffer.from([4]), Buffer.from(JSON.stringify({ Width, Height }))]);
    for (let i = 0; i < 50; i++) socket.send(size(80 + i, 25));
    for (const side of [-1, 1.5, 1e9, 'x', null]) socket.send(size(side, 25));
    socket.send(Buffer.from([4, 0x7b]));
    socket.send(input('still here'));
    socket.send(CLOSE_INPUT);
    await once(socket, 'close');
    expect(heard.bytes[1]).toContain('still here');
  });
});
