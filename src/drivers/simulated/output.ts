import type { ExecOptions, ExecSession, LogOptions, OutputChunk, Session } from '../compute.ts';
import { sessionClosed } from '../refusals.ts';
import { Channel } from './channel.ts';
import { isRunning, type LogLine, type SimulatedContainer } from './objects.ts';
import { runAtOnce, type Program } from './program.ts';

/** The kept lines, then with `follow` what comes until the container ends. */
export async function* simulatedLogs(
  container: SimulatedContainer,
  { follow, tail, since, until, timestamps }: LogOptions,
  signal: AbortSignal,
): AsyncIterable<OutputChunk> {
  const channel = new Channel<LogLine>();
  const kept = container.log.filter((line) => (!since || line.at >= since) && (!until || line.at < until));
  for (const line of tail === undefined ? kept : kept.slice(kept.length - Math.min(tail, kept.length))) {
    channel.push(line);
  }
  const lives = isRunning(container) || container.state === 'restarting';
  if (follow && lives) container.followers.add(channel);
  else channel.end();
  const stop = () => channel.end();
  signal.addEventListener('abort', stop, { once: true });
  try {
    for await (const { stream, data, at } of channel) {
      if (signal.aborted) return;
      yield { stream, data: timestamps ? Buffer.concat([Buffer.from(`${at.toISOString()} `), data]) : data };
    }
  } finally {
    signal.removeEventListener('abort', stop);
    container.followers.delete(channel);
  }
}

/** What it writes from now on; what it is given goes to `feed`. */
export function simulatedAttach(
  container: SimulatedContainer,
  feed: ((data: Buffer) => void) | undefined,
  signal?: AbortSignal,
): Session {
  const channel = new Channel<OutputChunk>();
  const over = new AbortController();
  const close = () => over.abort();
  signal?.addEventListener('abort', close, { once: true });
  if (signal?.aborted) close();
  const pour = async () => {
    const asked = { follow: true, tail: 0, timestamps: false };
    for await (const chunk of simulatedLogs(container, asked, over.signal)) channel.push(chunk);
    channel.end();
  };
  void pour();
  return {
    output: channel,
    write(data) {
      feed?.(data);
      return channel.taken(AHEAD);
    },
    closeInput: () => undefined,
    resize: () => Promise.resolve(),
    close,
  };
}

/** Chunks that a process writes ahead of whoever reads its output: beyond, it reads no more of its input either. */
const AHEAD = 16;

/** A command that is over at once, but for one that copies its input, which lasts until its input ends. */
export function simulatedExec(program: Program, options: ExecOptions, signal?: AbortSignal): ExecSession {
  const output = new Channel<OutputChunk>();
  let ended: (exitCode: number | undefined) => void = () => undefined;
  const exit = new Promise<number | undefined>((resolve) => (ended = resolve));
  /** Without an exit status: by being closed. */
  const finish = (exitCode?: number) => {
    output.end();
    ended(exitCode);
  };
  const close = () => finish();
  const copies = program.copiesInput === true && options.stdin;
  if (!copies) {
    const { prints, exitCode } = runAtOnce(program);
    for (const { stream, text } of prints)
      output.push({ stream: options.tty ? 'stdout' : stream, data: Buffer.from(text) });
    finish(exitCode);
  }
  signal?.addEventListener('abort', close, { once: true });
  if (signal?.aborted) close();
  return {
    output,
    write(data) {
      if (!copies) return undefined;
      output.push({ stream: 'stdout', data });
      return output.taken(AHEAD);
    },
    closeInput: () => copies && finish(0),
    resize: () => Promise.resolve(),
    async exitCode() {
      const code = await exit;
      if (code === undefined) throw sessionClosed();
      return code;
    },
    close,
  };
}
