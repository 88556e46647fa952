import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { connect } from 'node:tls';
import WebSocket from 'ws';
import { afterEach, describe, expect, it } from 'vitest';
import { startDaemon } from '../support/daemon.ts';
import type { TestDaemon } from '../support/daemon.ts';
import { call, execPath, execSocket, watch } from '../support/http.ts';
import type { Endpoint, RawWatch } from '../support/http.ts';
import { asKey, keyPath } from '../support/keys.ts';
import { instance, pathOf, vpc } from '../support/manifests.ts';
import { eventually } from '../support/wait.ts';

let daemon: TestDaemon;
const sockets = new Set<{ destroy: () => unknown }>();
afterEach(async () => {
  for (const socket of sockets) socket.destroy();
  sockets.clear();
  await daemon.stop();
});

/** With one instance, whose process copies its input and is never heard of. */
async function started(env: Record<string, string> = {}): Promise<void> {
  daemon = await startDaemon({ engine: 'simulated', env });
  const made = [vpc('net', { cidrBlock: '10.9.0.0/24' }), instance('web', { image: 'web:1', vpc: 'net' })];
  for (const body of made)
    expect((await call(daemon, 'POST', pathOf(`${body.kind.toLowerCase()}s`), { body })).status).toBe(201);
  await eventually('it to run', async () => {
    const { status } = (await call(daemon, 'GET', pathOf('instances', 'web'))).json<{ status?: { phase?: string } }>();
    return status?.phase === 'Running';
  });
}

interface Session {
  ws: WebSocket;
  /** The message of its status, when it is closed. */
  ended: Promise<string>;
}

async function open(endpoint: Endpoint = daemon, options: { autoPong?: boolean } = {}): Promise<Session> {
  const path = execPath('web', ['cat'], true);
  const ws =
    options.autoPong === false
      ? new WebSocket(`${daemon.url.replace('https', 'wss')}${path}`, 'v5.channel.k8s.io', {
          ca: daemon.ca,
          headers: { authorization: `Bearer ${daemon.token}` },
          autoPong: false,
        })
      : execSocket(endpoint, path);
  sockets.add({ destroy: () => ws.terminate() });
  let status = '';
  ws.on('error', () => undefined);
  ws.on('message', (data: Buffer) => {
    if (data[0] === 3) status = data.subarray(1).toString();
  });
  const ended = once(ws, 'close').then(() => (status ? (JSON.parse(status) as { message: string }).message : ''));
  await once(ws, 'open');
  // Copied: the command runs.
  ws.send(Buffer.from([0, 0x61]));
  await once(ws, 'message');
  return { ws, ended };
}

const watched = (endpoint: Endpoint = daemon): Promise<RawWatch> =>
  watch(endpoint, `${pathOf('instances')}?watch=true`);
const events = (endpoint: Endpoint = daemon): Promise<RawWatch> => watch(endpoint, '/api/v1/events?watch=true');
const followed = (endpoint: Endpoint = daemon): Promise<RawWatch> =>
  watch(endpoint, `${pathOf('instances', 'web')}/log?follow=true`);

async function bytes(text: string): Promise<void> {
  const { hostname, port } = new URL(daemon.url);
  const socket = connect({ host: hostname, port: Number(port), ca: daemon.ca });
  sockets.add(socket);
  socket.on('error', () => undefined);
  await once(socket, 'secureConnect');
  socket.write(text);
}

describe('what goes on', () => {
  it('an open exec does not block the shutdown, nor does anything else that is open', async () => {
    await started();
    const { hostname, port } = new URL(daemon.url);
    const head = `Host: x\r\nAuthorization: Bearer ${daemon.token}\r\n`;
    const { ws: deaf } = await open();
    deaf.pause();
    const sessions = [await open(), await open()];
    const streams = [await watched(), await events(), await followed(), await watched()];
    streams[3]?.response.removeAllListeners('data').pause();
    const halfOpen = connectTcp({ host: hostname, port: Number(port), allowHalfOpen: true });
    sockets.add(halfOpen);
    halfOpen.on('error', () => undefined);
    await once(halfOpen, 'connect');
    await bytes('');
    await bytes(`GET /apis HTTP/1.1\r\n${head}X-Half: `);
    await bytes(`POST ${pathOf('instances')} HTTP/1.1\r\n${head}content-length: 100000\r\n\r\n{"metadata":`);
    const began = performance.now();
    daemon.process.kill('SIGTERM');
    await once(daemon.process, 'exit');
    expect(performance.now() - began).toBeLessThan(5_000);
    expect(daemon.process.exitCode).toBe(0);
    for (const { ended } of sessions) expect(await ended).toBe('the daemon stops');
    for (const { ended } of streams.slice(0, 3)) await ended;
  });

  it('with nothing but clients that keep their connections a stop takes a moment', async () => {
    await started();
    const streams = [await watched(), await events(), await followed()];
    const began = performance.now();
    daemon.process.kill('SIGTERM');
    await once(daemon.process, 'exit');
    expect(performance.now() - began).toBeLessThan(1_500);
    for (const { ended, response } of streams) {
      await ended;
      // In order: the last chunk came.
      expect(response.complete).toBe(true);
    }
  });

  it('ends with its key, and nothing of another key does', async () => {
    await started();
    const other = await asKey(daemon, 'second', { role: 'admin' });
    const mine = [await watched(), await events(), await followed()];
    const theirs = [await watched(other), await events(other), await followed(other)];
    const [session, another] = [await open(), await open(other)];
    expect((await call(daemon, 'DELETE', keyPath('second'))).status).toBe(200);
    for (const { ended } of theirs) await ended;
    expect(await another.ended).toBe('the key was taken back');
    expect((await call(other, 'GET', pathOf('instances'))).status).toBe(401);
    for (const { response } of mine) expect(response.destroyed).toBe(false);
    session.ws.send(Buffer.from([0, 0x62]));
    await once(session.ws, 'message');
    for (const one of [...mine, ...theirs]) one.close();
  });

  it('a session in which nothing moves ends, and one in which something does stays', async () => {
    await started({ MINIAWS_IDLE_TIMEOUT: '1' });
    const [still, busy] = [await open(), await open()];
    const talk = setInterval(() => busy.ws.send(Buffer.from([0, 0x61])), 100);
    expect(await still.ended).toBe('nothing has moved for 1 s');
    expect(busy.ws.readyState).toBe(WebSocket.OPEN);
    clearInterval(talk);
    await busy.ended;
  });

  it('a client that has vanished does not hold its session', async () => {
    await started();
    const [vanished, there] = [await open(daemon, { autoPong: false }), await open()];
    const pings = once(vanished.ws, 'ping');
    await pings;
    await eventually('the session to end', () => vanished.ws.readyState === WebSocket.CLOSED);
    expect(there.ws.readyState).toBe(WebSocket.OPEN);
  });
});
