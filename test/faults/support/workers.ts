import { fork } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** A script of this folder in a process of its own, which tells by messages that have an `is`. */
export class Worker<Told extends { is: string }> {
  readonly process: ChildProcess;
  readonly #told: Told[] = [];
  readonly #ended: Promise<never>;
  #wake: () => void = () => undefined;

  constructor(script: string) {
    this.process = fork(fileURLToPath(new URL(script, import.meta.url)), {
      execArgv: ['--import', 'tsx'],
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    this.process.on('message', (told: Told) => {
      this.#told.push(told);
      this.#wake();
    });
    this.#ended = new Promise((_, reject) =>
      // Not 'exit', which may come before its last words.
      this.process.once('disconnect', () => reject(new Error(`${script} ended too early`))),
    );
    this.#ended.catch(() => undefined);
  }

  send(message: object | number | string): void {
    this.process.send(message);
  }

  /** The next that it tells, which must be that. */
  async next<Is extends Told['is']>(is: Is): Promise<Extract<Told, { is: Is }>> {
    if (this.#told.length === 0)
      await Promise.race([new Promise<void>((resolve) => (this.#wake = resolve)), this.#ended]);
    const told = this.#told.shift();
    if (told?.is !== is) throw new Error(`expected ${is}, and it told ${told?.is}`);
    return told as Extract<Told, { is: Is }>;
  }

  /** Whatever it is doing. */
  kill(): void {
    this.process.kill('SIGKILL');
  }
}
