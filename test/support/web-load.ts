import { Agent, request } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { eventually } from './wait.ts';

/** Milliseconds between the end of one request of a client and its next: the machine has others to serve too. */
const BETWEEN_MS = 3;
/** Milliseconds after which a request that has had no whole answer counts as failed. */
const PATIENCE_MS = 10_000;
/** Of each sort. */
const CLIENTS = 3;

type Sort = 'keep-alive' | 'one connection a request';

interface Answer {
  status: number;
  page: string;
  reused: boolean;
}

/** A whole answer, or a rejection: an answer that breaks off in its middle is none. Nothing is ever sent again. */
function ask(port: number, agent: Agent | false): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(PATIENCE_MS);
    const sent = request({ host: '127.0.0.1', port, agent, signal }, (response) => {
      let page = '';
      response.setEncoding('utf8').on('data', (text: string) => (page += text));
      response.on('error', reject).on('end', () => {
        if (!response.complete) return reject(new Error('the answer broke off'));
        resolve({ status: response.statusCode ?? 0, page, reused: sent.reusedSocket });
      });
    });
    sent.on('error', reject).end();
  });
}

/**
 * Clients of the test image's page, which ask again and again until they are told to stop: some on a connection that they
 * keep, some on a new one for each request. Every request that was sent is either in `answered` or in `failures`.
 */
export class WebLoad {
  /** What became of a request that was not answered 200 with the page: who asked, when, and what it was told. */
  readonly failures: string[] = [];
  /** The texts of the pages, in the order in which each came first, and how often. */
  readonly answered = new Map<string, number>();
  readonly requests: Record<Sort, number> = { 'keep-alive': 0, 'one connection a request': 0 };
  /** Requests that went out on a connection that had served one before. */
  reused = 0;
  readonly #begun = performance.now();
  readonly #clients: Promise<void>[];
  #stopped = false;

  constructor(port: number) {
    this.#clients = Array.from({ length: CLIENTS }).flatMap(() => [
      this.#run('keep-alive', port, new Agent({ keepAlive: true, maxSockets: 1 })),
      this.#run('one connection a request', port, false),
    ]);
  }

  /** Requests of both sorts that were sent after this was called have ended. */
  async more(): Promise<void> {
    const { ...from } = this.requests;
    const isPast = (sort: Sort) => this.requests[sort] >= from[sort] + 5 * CLIENTS;
    await eventually('more answers', () => isPast('keep-alive') && isPast('one connection a request'));
  }

  /** Waits for what is under way. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#clients);
  }

  async #run(sort: Sort, port: number, agent: Agent | false): Promise<void> {
    while (!this.#stopped) {
      const sent = performance.now();
      await ask(port, agent).then(
        (answer) => this.#count(answer, sort, sent),
        (error: Error) => this.#fail(sort, sent, error.message),
      );
      this.requests[sort]++;
      await pause(BETWEEN_MS);
    }
    if (agent) agent.destroy();
  }

  #count({ status, page, reused }: Answer, sort: Sort, sent: number): void {
    const [, text] = /Hello from ([^<]+)</.exec(page) ?? [];
    if (status !== 200 || text === undefined) return this.#fail(sort, sent, `answered ${status}: ${page.slice(0, 80)}`);
    if (reused) this.reused++;
    this.answered.set(text, (this.answered.get(text) ?? 0) + 1);
  }

  #fail(sort: Sort, sent: number, what: string): void {
    const since = (at: number) => `${Math.round(at - this.#begun)} ms`;
    this.failures.push(`${sort}: ${what} (sent at ${since(sent)}, ended at ${since(performance.now())})`);
  }
}
