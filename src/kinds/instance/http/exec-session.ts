import type { WebSocket } from 'ws';
import type { Clock, Timer } from '../../../base/clock.ts';
import { heartbeat } from '../../../base/heartbeat.ts';
import { messageOf, StatusError } from '../../../base/errors.ts';
import type { ExecSession } from '../../../drivers/compute.ts';
import type { ApiContext } from '../../../http/context.ts';
import type { Lifetime } from '../../../http/lifetime.ts';
import { statusOf } from '../../../http/status.ts';

/** The first byte of a message. */
const CHANNEL = { stdin: 0, stdout: 1, stderr: 2, status: 3, resize: 4 } as const;
/** The kernel counts a terminal's columns and lines in 16 bits. */
const LONGEST_SIDE = 65_535;
/** Output that waits in memory for a client, bytes: the process is read no further beyond it. */
const AHEAD = 1 << 18;
/** How long a client may take to read the end and to close its side. */
const LEAVE_MS = 5_000;

/**
 * One command's streams over a WebSocket, from its beginning to its exit status. Whatever ends it — the command, the
 * client, the Engine, the lifetime, silence — closes both sides. Neither side is read faster than the other takes it.
 */
export async function converse(
  ws: WebSocket,
  life: Lifetime,
  { clock, idleMs }: Pick<ApiContext, 'clock' | 'idleMs'>,
  begin: () => Promise<ExecSession>,
): Promise<void> {
  const { signal } = life;
  let session: ExecSession | undefined;
  const early: Buffer[] = [];
  const idle = new Idle(clock, idleMs, () => life.end(`nothing has moved for ${idleMs / 1_000} s`));
  const stopBeating = heartbeat(ws, clock, () => ws.terminate());
  ws.on('message', (data: Buffer) => {
    idle.moved();
    if (session) return receive(data, session, ws);
    // Input for a command that is still being started.
    early.push(data);
    ws.pause();
  });
  ws.on('error', () => life.end());
  try {
    session = await begin();
    for (const data of early.splice(0)) receive(data, session, ws);
    if (!signal.aborted) ws.resume();
    for await (const { stream, data } of session.output) {
      await deliver(ws, CHANNEL[stream], data, signal);
      idle.moved();
    }
    const code = await session.exitCode();
    void deliver(ws, CHANNEL.status, exitStatus(code), signal);
  } catch (error) {
    const why = signal.aborted ? String(signal.reason) : messageOf(error);
    void deliver(ws, CHANNEL.status, statusOf(new StatusError('InternalError', why)), signal);
  } finally {
    idle.stop();
    stopBeating();
    life.end();
    session?.close();
    leave(ws, clock);
  }
}

/** Calls back once nothing has moved for so long. */
class Idle {
  readonly #again: () => Timer;
  #timer: Timer;

  constructor(clock: Clock, ms: number, over: () => void) {
    this.#again = () => clock.after(ms, over);
    this.#timer = this.#again();
  }

  moved(): void {
    this.#timer.cancel();
    this.#timer = this.#again();
  }

  stop(): void {
    this.#timer.cancel();
  }
}

/** The client's answer to the close is waited for, and has to be read. */
function leave(ws: WebSocket, clock: Clock): void {
  const cut = clock.after(LEAVE_MS, () => ws.terminate());
  ws.once('close', () => cut.cancel());
  ws.resume();
  ws.close(1000);
}

/** Sends it; waits for the client only when much waits already. */
function deliver(ws: WebSocket, channel: number, body: Buffer | object, signal: AbortSignal): Promise<void> {
  const data = Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body));
  const frame = Buffer.concat([Buffer.from([channel]), data]);
  return new Promise((resolve) => {
    const done = () => {
      signal.removeEventListener('abort', done);
      resolve();
    };
    ws.send(frame, done);
    if (ws.bufferedAmount <= AHEAD || signal.aborted) resolve();
    else signal.addEventListener('abort', done, { once: true });
  });
}

function receive(data: Buffer, session: ExecSession, ws: WebSocket): void {
  const [channel, rest] = [data[0], data.subarray(1)];
  if (channel === CHANNEL.stdin) {
    const room = session.write(rest);
    if (room) waitFor(room, ws);
  } else if (channel === CHANNEL.resize) {
    const size = sizeIn(rest);
    // One at a time: each is a call of the Engine.
    if (size) waitFor(session.resize(...size), ws);
  } else if (channel === 0xff && rest[0] === CHANNEL.stdin) session.closeInput();
}

/** Nothing more is read from the client until then. */
function waitFor(done: Promise<void>, ws: WebSocket): void {
  ws.pause();
  void done.catch(() => undefined).then(() => ws.resume());
}

/** A frame that is no size changes no size. */
function sizeIn(data: Buffer): [number, number] | undefined {
  try {
    const { Width, Height } = JSON.parse(data.toString('utf8')) as { Width?: unknown; Height?: unknown };
    return isSide(Width) && isSide(Height) ? [Width, Height] : undefined;
  } catch {
    return undefined;
  }
}

const isSide = (value: unknown): value is number =>
  Number.isInteger(value) && Number(value) >= 0 && Number(value) <= LONGEST_SIDE;

function exitStatus(code: number): object {
  if (code === 0) return { metadata: {}, status: 'Success' };
  return {
    metadata: {},
    status: 'Failure',
    reason: 'NonZeroExitCode',
    message: `command terminated with non-zero exit code: exit status ${code}`,
    details: { causes: [{ reason: 'ExitCode', message: String(code) }] },
  };
}
