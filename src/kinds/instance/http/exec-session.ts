import type { Clock, Timer } from '../../../base/clock.ts';
import { messageOf, StatusError } from '../../../base/errors.ts';
import type { ExecSession, OutputChunk, Session } from '../../../drivers/compute.ts';
import type { ApiContext } from '../../../http/context.ts';
import type { Lifetime } from '../../../http/lifetime.ts';
import { statusOf } from '../../../http/status.ts';

/** The kernel counts a terminal's columns and lines in 16 bits. */
const LONGEST_SIDE = 65_535;
/** Output that waits in memory for a client, bytes: the process is read no further beyond it. */
export const AHEAD = 1 << 18;
/** How long a client may take to read the end and to close its side. */
export const LEAVE_MS = 5_000;

/** What a client says to the process. */
export type Input =
  | { is: 'data'; data: Buffer }
  | { is: 'end' }
  /** As it was sent: `{"Width":80,"Height":24}`. */
  | { is: 'size'; json: Buffer };

/** The client's end of a session, whatever carries its streams. */
export interface Peer {
  /** Hands over what the client says from now on. `failed`: nothing more will come. */
  listen(on: { input: (input: Input) => void; moved: () => void; failed: () => void }): void;
  /** Sends it; waits for the client only when much waits already, and not beyond the signal. */
  deliver(stream: OutputChunk['stream'], data: Buffer, signal: AbortSignal): Promise<void>;
  /** Says how the process ended, as a Status. */
  end(status: object): void;
  /** Between the two nothing more is read from the client. */
  pause(): void;
  resume(): void;
  /** Closes, when what was sent is read. */
  leave(): void;
}

/**
 * One process's streams, from its beginning to its exit status. Whatever ends it — the process, the client, the Engine,
 * the lifetime, silence — closes both sides. Neither side is read faster than the other takes it. A process that was
 * there before has no exit status that is the session's: its end is a success.
 */
export async function converse(
  peer: Peer,
  life: Lifetime,
  { clock, idleMs }: Pick<ApiContext, 'clock' | 'idleMs'>,
  begin: () => Promise<Session & Partial<Pick<ExecSession, 'exitCode'>>>,
): Promise<void> {
  const { signal } = life;
  let session: Session | undefined;
  const early: Input[] = [];
  const idle = new Idle(clock, idleMs, () => life.end(`nothing has moved for ${idleMs / 1_000} s`));
  peer.listen({
    input(input) {
      if (session) return receive(input, session, peer);
      // Input for a process that is still being started.
      early.push(input);
      peer.pause();
    },
    moved: () => idle.moved(),
    failed: () => life.end(),
  });
  try {
    const begun = await begin();
    session = begun;
    for (const input of early.splice(0)) receive(input, session, peer);
    if (!signal.aborted) peer.resume();
    for await (const { stream, data } of session.output) {
      await peer.deliver(stream, data, signal);
      idle.moved();
    }
    peer.end(exitStatus((await begun.exitCode?.()) ?? 0));
  } catch (error) {
    const why = signal.aborted ? String(signal.reason) : messageOf(error);
    peer.end(statusOf(new StatusError('InternalError', why)));
  } finally {
    idle.stop();
    life.end();
    session?.close();
    peer.leave();
  }
}

/** Calls back once nothing has moved for so long. */
export class Idle {
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

function receive(input: Input, session: Session, peer: Peer): void {
  if (input.is === 'data') {
    const room = session.write(input.data);
    if (room) waitFor(room, peer);
  } else if (input.is === 'size') {
    const size = sizeIn(input.json);
    // One at a time: each is a call of the Engine.
    if (size) waitFor(session.resize(...size), peer);
  } else session.closeInput();
}

/** Nothing more is read from the client until then. */
function waitFor(done: Promise<void>, peer: Peer): void {
  peer.pause();
  void done.catch(() => undefined).then(() => peer.resume());
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
