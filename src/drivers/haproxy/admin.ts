import { sleep, type Clock } from '../../base/clock.ts';
import { PassError } from '../../base/errors.ts';
import type { Compute } from '../compute.ts';
import type { ServerRef } from '../proxies.ts';
import { parseAnswers, parseInfo, parseServers, QUESTIONS, type Answers, type Row } from './answers.ts';
import { show } from './commands.ts';
import { CONFIG_PATH, fileOfSha256, structureIn } from './configuration.ts';
import { oldPids, parseOldWorker, questionsTo, streamsOf, type OldWorkerAnswer } from './old-workers.ts';
import { Shells } from './shells.ts';
import { workerOf, type Worker } from './state.ts';

/** Milliseconds. An answer takes four. */
const ANSWER_DEADLINE_MS = 5_000;
/** Milliseconds. Judging a configuration takes twenty, of thousands of servers a second. */
const JUDGE_DEADLINE_MS = 20_000;
/** While a reload hands over, the worker that ends may still answer: milliseconds to the next question, and how many. */
const HAND_OVER = { pauseMs: 50, looks: 20 };

/** Of a line of commands, so that it stays short. */
const STREAMS_AT_ONCE = 50;

/** The proxies' own commands, in our words. Every call ends within its deadline. */
export class Admin {
  readonly #shells: Shells;
  readonly #clock: Clock;

  constructor(compute: Compute, clock: Clock) {
    this.#shells = new Shells(compute, clock);
    this.#clock = clock;
  }

  /** All that there is to know, and `fileOf` the stored file; empty: there is none. */
  async look(id: string): Promise<{ answers: Answers; file: string }> {
    const { text } = await this.#ask(id, QUESTIONS, `sha256sum ${CONFIG_PATH} 2>/dev/null`);
    const answers = parseAnswers(text);
    if (!answers) throw silent(id);
    const [digest = ''] = /^[0-9a-f]{64}(?= )/.exec(text.slice(text.trimEnd().lastIndexOf('\n') + 1)) ?? [];
    return { answers, file: fileOfSha256(digest) };
  }

  async worker(id: string): Promise<Worker> {
    return (await this.#ask(id, 'show info')).worker;
  }

  async server(id: string, ref: ServerRef): Promise<Row | undefined> {
    const { text } = await this.#ask(id, show(ref));
    return parseServers(text)?.find((row) => row('srv_name') === ref.server);
  }

  /** What a worker reads at its beginning to know what the one before it knew of the servers. */
  async serverStates(id: string): Promise<string> {
    const { text } = await this.#ask(id, 'show servers state');
    return `${text.trim()}\n`;
  }

  /**
   * What reloads have left, the oldest first, each at its end: it sends servers nothing new. `undefined`: the container
   * was made without a way to ask.
   */
  async oldWorkers(id: string): Promise<readonly OldWorkerAnswer[] | undefined> {
    for (let looks = 1; ; looks++) {
      const pids = oldPids(await this.#askMaster(id, 'show proc'));
      if (!pids) return undefined;
      const found: OldWorkerAnswer[] = [];
      for (const pid of pids) {
        const worker = parseOldWorker(pid, await this.#askMaster(id, questionsTo(pid)));
        if (worker) found.push(worker);
      }
      if (found.every((worker) => worker.stopping)) return found;
      if (looks === HAND_OVER.looks) throw silent(id);
      await sleep(this.#clock, HAND_OVER.pauseMs);
    }
  }

  /** Ends what an old worker still does for the server. */
  async endOldSessions(id: string, pid: string, ref: ServerRef): Promise<void> {
    const streams = streamsOf(await this.#askMaster(id, `@!${pid} show sess`), ref);
    for (let at = 0; at < streams.length; at += STREAMS_AT_ONCE) {
      const some = streams.slice(at, at + STREAMS_AT_ONCE);
      await this.#askMaster(id, some.map((stream) => `@!${pid} shutdown session ${stream}`).join(';'));
    }
  }

  /** Ends one of the old workers, and waits until the master knows of it. */
  async endWorker(id: string, pid: string): Promise<void> {
    for (let looks = 1; looks <= HAND_OVER.looks; looks++) {
      if (!oldPids(await this.#askMaster(id, 'show proc'))?.includes(pid)) return;
      await this.#shells.run(id, `kill -TERM ${pid}`, ANSWER_DEADLINE_MS);
      await sleep(this.#clock, HAND_OVER.pauseMs);
    }
    throw new PassError('EngineError', `worker ${pid} of the proxy does not end`);
  }

  async #askMaster(id: string, commands: string): Promise<string> {
    const { text } = await this.#shells.run(id, `echo '${commands}' | master`, ANSWER_DEADLINE_MS);
    return text;
  }

  /** What HAProxy says to these, one after the other; most succeed without a word. */
  async command(id: string, commands: readonly string[]): Promise<string> {
    const { text } = await this.#ask(id, commands.join(';'));
    return text.trim();
  }

  /** The stored file; `undefined`: there is none. */
  async storedFile(id: string): Promise<string | undefined> {
    const { text, status } = await this.#shells.run(id, `cat ${CONFIG_PATH}`, ANSWER_DEADLINE_MS);
    return status === 0 ? text : undefined;
  }

  /** HAProxy's words against the file at `path`; `undefined`: it would take it. */
  async judge(id: string, path: string): Promise<string | undefined> {
    const { text, status } = await this.#shells.run(id, `haproxy -c -f ${path}`, JUDGE_DEADLINE_MS);
    return status === 0 ? undefined : complaintsIn(text) || `haproxy -c ended with exit status ${status}`;
  }

  /** Tells the master, which is process 1. The Engine's own call to signal would end its restart policy. */
  async signalReload(id: string): Promise<void> {
    const { text, status } = await this.#shells.run(id, 'kill -USR2 1', ANSWER_DEADLINE_MS);
    if (status !== 0) throw new PassError('EngineError', `the proxy cannot be told to reload: ${text.trim()}`);
  }

  close(): void {
    this.#shells.close();
  }

  /** `commands` are words of ours; a worker that a reload ends is asked no longer. */
  async #ask(id: string, commands: string, afterwards = 'true'): Promise<{ worker: Worker; text: string }> {
    const line = `echo 'show info;${commands}' | admin; ${afterwards}`;
    for (let looks = 1; ; looks++) {
      const { text } = await this.#shells.run(id, line, ANSWER_DEADLINE_MS);
      const end = text.indexOf('\n\n');
      const worker = workerOf(parseInfo(text.slice(0, end).split('\n')));
      if (end < 0 || worker.pid === '') throw silent(id);
      if (!worker.stopping) return { worker, text: text.slice(end + 2) };
      if (looks === HAND_OVER.looks) throw silent(id);
      await sleep(this.#clock, HAND_OVER.pauseMs);
    }
  }
}

/** The structure that a file says it has. */
export const structureOfFile = (text: string): string => structureIn(/^ {2}description (.*)$/m.exec(text)?.[1] ?? '');

const silent = (id: string): PassError =>
  new PassError('EngineUnavailable', `the proxy in container ${id.slice(0, 12)} does not answer`);

/**
 * `[ALERT]    (134) : config : parsing [/etc/miniaws/trial.cfg:7] : unknown keyword 'x'`: without who says it and
 * where the file is. What is said beside alerts is not against it.
 */
export function complaintsIn(text: string): string {
  const alerts = text.split('\n').filter((line) => line.startsWith('[ALERT]'));
  const words = alerts.map((line) =>
    line
      .replace(/^\[ALERT\]\s*\(\d+\) : (config : )?/, '')
      .replace(/parsing \[[^\][:]*:(\d+)\] ?: /, 'line $1: ')
      .replace(/ ?\(?\/etc\/miniaws\/\w+\.cfg:(\d+)\)?/g, ' line $1')
      .trim()
      .replace(/\.$/, ''),
  );
  return words.filter((line) => !/^(Error\(s\) found|Fatal errors found) in configuration/.test(line)).join('; ');
}
