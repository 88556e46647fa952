import type { Sample } from './sample.ts';

/** As many as a small graph has columns. */
export const HISTORY_POINTS = 20;

export interface HistoryPoint {
  at: Date;
  cpuPercent?: number;
  memoryBytes?: number;
}

/** The last samples of one instance, in numbers alone: ten thousand instances have one each. */
export class ShortHistory {
  readonly #values = new Float64Array(HISTORY_POINTS * 3);
  #count = 0;

  push({ at, cpuPercent, memoryBytes }: Sample): void {
    const offset = (this.#count++ % HISTORY_POINTS) * 3;
    this.#values.set([at.getTime(), cpuPercent ?? Number.NaN, memoryBytes ?? Number.NaN], offset);
  }

  /** The oldest first. */
  points(): HistoryPoint[] {
    const first = Math.max(0, this.#count - HISTORY_POINTS);
    return Array.from({ length: this.#count - first }, (_, i) => this.#at(((first + i) % HISTORY_POINTS) * 3));
  }

  #at(offset: number): HistoryPoint {
    const [at = 0, cpu = Number.NaN, memory = Number.NaN] = this.#values.subarray(offset, offset + 3);
    return {
      at: new Date(at),
      ...(!Number.isNaN(cpu) && { cpuPercent: cpu }),
      ...(!Number.isNaN(memory) && { memoryBytes: memory }),
    };
  }
}
