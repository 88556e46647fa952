import WebSocket from 'ws';
import type { RawData } from 'ws';
import { systemClock } from '../../../base/clock.ts';
import { heartbeat } from '../../../base/heartbeat.ts';
import type { ApiClient } from '../../../cli/client.ts';
import { statusBody } from '../../../cli/client.ts';
import { Failure, Unreachable, unreachable } from '../../../cli/failure.ts';
import type { Io, Output } from '../../../cli/io.ts';

/** The streams of a command inside an instance, by Kubernetes' protocol: the first byte of a message is its channel. */
const PROTOCOL = 'v5.channel.k8s.io';
const [STDIN, STDOUT, STDERR, STATUS, RESIZE] = [0, 1, 2, 3, 4] as const;
/** `FF` and a channel: that channel is closed. */
const CLOSE_STDIN = Buffer.from([0xff, STDIN]);
const HANDSHAKE_MS = 10_000;
/** Unsent input above this makes the reading of stdin wait, in bytes. */
const HIGH_WATER = 1 << 20;

export interface ExecOptions {
  stdin: boolean;
  tty: boolean;
  signal: AbortSignal;
}

/** Runs the command with this process's streams. Answers its exit status. */
export async function runExec(client: ApiClient, path: string, io: Io, options: ExecOptions): Promise<number> {
  const url = `${client.connection.server.replace(/^http/, 'ws')}${path}`;
  const socket = new WebSocket(url, PROTOCOL, {
    ...client.trust(),
    headers: client.headers(),
    handshakeTimeout: HANDSHAKE_MS,
  });
  const undo: (() => void)[] = [];
  const stop = () => socket.terminate();
  options.signal.addEventListener('abort', stop, { once: true });
  try {
    const ended = statusOf(socket, client.connection.server, io);
    socket.once('open', () =>
      undo.push(
        heartbeat(socket, systemClock, () => socket.terminate()),
        ...attach(socket, io, options),
      ),
    );
    return await ended;
  } finally {
    options.signal.removeEventListener('abort', stop);
    for (const fn of undo) fn();
    socket.close();
  }
}

/** Copies the output, and resolves with the exit status when the server has told it. */
function statusOf(socket: WebSocket, server: string, io: Io): Promise<number> {
  return new Promise((resolve, reject) => {
    let status: string | undefined;
    socket.on('message', (data: RawData) => {
      const message = data as Buffer;
      const body = message.subarray(1);
      if (message[0] === STDOUT) copy(body, io.stdout, socket);
      else if (message[0] === STDERR) copy(body, io.stderr, socket);
      else if (message[0] === STATUS) status = body.toString('utf8');
    });
    socket.on('unexpected-response', (_, response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => (text += chunk.toString('utf8')));
      response.on('end', () =>
        reject(new Failure(statusBody(text)?.message ?? `the server answered ${response.statusCode}`)),
      );
    });
    socket.on('error', (error) => reject(unreachable(server, error)));
    socket.on('close', () => {
      if (status === undefined) reject(new Unreachable('the connection was lost before the command ended'));
      else settle(status, resolve, reject);
    });
  });
}

/** Output that nobody takes is read no further. */
function copy(body: Buffer, output: Output, socket: WebSocket): void {
  if (output.write(body)) return;
  socket.pause();
  output.once('drain', () => socket.resume());
}

interface ExecStatus {
  status?: string;
  message?: string;
  reason?: string;
  details?: { causes?: { reason?: string; message?: string }[] };
}

function settle(text: string, resolve: (code: number) => void, reject: (error: Error) => void): void {
  const { status, reason, message, details } = JSON.parse(text) as ExecStatus;
  if (status === 'Success') return resolve(0);
  const code = details?.causes?.find((cause) => cause.reason === 'ExitCode')?.message;
  if (reason === 'NonZeroExitCode' && code !== undefined) return resolve(Number(code));
  reject(new Failure(message ?? 'the command could not be run'));
}

/** Connects stdin and the terminal's size. Answers what undoes it. */
function attach(socket: WebSocket, io: Io, { stdin, tty }: ExecOptions): (() => void)[] {
  const undo: (() => void)[] = [];
  if (tty) undo.push(followSize(socket, io));
  if (stdin) undo.push(sendInput(socket, io));
  if (stdin && tty && io.stdin.isTTY) {
    io.stdin.setRawMode?.(true);
    undo.push(() => io.stdin.setRawMode?.(false));
  }
  return undo;
}

const framed = (channel: number, body: Buffer | string): Buffer =>
  Buffer.concat([Buffer.from([channel]), typeof body === 'string' ? Buffer.from(body) : body]);

function sendInput(socket: WebSocket, { stdin }: Io): () => void {
  const onData = (chunk: Buffer | string) => {
    if (socket.readyState !== WebSocket.OPEN) return;
    socket.send(framed(STDIN, chunk), () => socket.bufferedAmount < HIGH_WATER && stdin.resume());
    if (socket.bufferedAmount >= HIGH_WATER) stdin.pause();
  };
  const onEnd = () => socket.readyState === WebSocket.OPEN && socket.send(CLOSE_STDIN);
  stdin.on('data', onData);
  stdin.once('end', onEnd);
  return () => {
    stdin.off('data', onData);
    stdin.off('end', onEnd);
    // A stream that is read keeps the process alive.
    stdin.pause();
    (stdin as { unref?: () => void }).unref?.();
  };
}

function followSize(socket: WebSocket, { stdout }: Io): () => void {
  const send = () => {
    const { columns, rows } = stdout;
    if (columns && rows && socket.readyState === WebSocket.OPEN)
      socket.send(framed(RESIZE, JSON.stringify({ Width: columns, Height: rows })));
  };
  send();
  stdout.on('resize', send);
  return () => stdout.off('resize', send);
}
