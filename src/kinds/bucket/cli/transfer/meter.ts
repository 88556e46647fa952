import { formatBytes } from '../../../../base/quantity.ts';
import type { Io } from '../../../../cli/io.ts';
import { createProgress, isTerminal } from '../../../../cli/progress.ts';
import type { Progress } from '../../../../cli/progress.ts';
import type { KindRegistry } from '../../../../api/registry.ts';
import { told } from '../places.ts';
import type { Job } from './job.ts';

/** Bytes from which a file has a bar. */
const LARGE = 1 << 20;
const CELLS = 20;
/** Between two changes of the line. */
const EVERY_MS = 100;

/** Shows how far jobs are in one living line, with bars for large files. On a terminal only, to stderr. */
export class Meter {
  readonly #progress: Progress | undefined;
  readonly #began = performance.now();
  readonly #underWay = new Map<Job, number>();
  #bytes = 0;
  #done = 0;
  #toldAt = 0;

  constructor(io: Io, kinds: KindRegistry) {
    this.#progress = isTerminal(io) ? createProgress(io, kinds) : undefined;
  }

  begun(job: Job): void {
    this.#underWay.set(job, 0);
  }

  moved(job: Job, bytes: number): void {
    this.#bytes += bytes;
    this.#underWay.set(job, (this.#underWay.get(job) ?? 0) + bytes);
    this.#tell();
  }

  ended(job: Job): void {
    this.#underWay.delete(job);
    this.#done++;
    this.#tell();
  }

  /** Takes the line away, before another one is written. */
  clear(): void {
    this.#progress?.done();
  }

  #tell(): void {
    const now = performance.now();
    if (!this.#progress || now - this.#toldAt < EVERY_MS) return;
    this.#toldAt = now;
    const rate = this.#bytes / Math.max((now - this.#began) / 1_000, 0.001);
    const bars = [...this.#underWay].flatMap(([job, bytes]) => (job.sizeBytes < LARGE ? [] : barOf(job, bytes)));
    this.#progress.note(
      [`${this.#done} done, ${formatBytes(this.#bytes)}, ${formatBytes(rate)}/s`, ...bars].join('  '),
    );
  }
}

function barOf({ from, sizeBytes }: Job, bytes: number): string {
  const part = Math.min(1, bytes / sizeBytes);
  const full = Math.round(part * CELLS);
  return `${told(from)} ${'█'.repeat(full)}${'░'.repeat(CELLS - full)} ${Math.floor(part * 100)} %`;
}
