import type { Workshop } from './workshop.ts';

/** One number of a run. Its line of JSON is an interface: other programs read it. */
export interface Figure {
  name: string;
  value: number;
  unit: string;
  /** The same work with nothing of ours in between, measured in the same run. */
  floor?: number;
  /** Median of the pairs' own ratios, where there are pairs; never that of two medians. */
  ratio?: number;
  /** How many measurements `value` is made of. */
  samples: number;
  /** What it shall be, in words, and whether it is; a figure without a goal is for comparison. */
  goal?: { words: string; met: boolean };
  note?: string;
}

export interface Benchmark {
  name: string;
  /** Measures, and may leave everything that its workshop knows of: that is cleaned away. */
  run: (workshop: Workshop) => Promise<readonly Figure[]>;
}

export const median = (values: readonly number[]): number => percentile(values, 50);

/** Nearest rank; of nothing, NaN. */
export function percentile(values: readonly number[] | Float64Array, percent: number): number {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)] ?? Number.NaN;
}

export interface Pair {
  ours: number;
  floor: number;
}

/** So many times ours, then the floor: what else the machine does meanwhile meets both. */
export async function pairs(
  count: number,
  ours: (round: number) => Promise<number>,
  floor: (round: number) => Promise<number>,
): Promise<Pair[]> {
  const measured: Pair[] = [];
  for (let round = 0; round < count; round++) measured.push({ ours: await ours(round), floor: await floor(round) });
  return measured;
}

/** The medians of both sides, and of their ratios. */
export const summary = (
  measured: readonly Pair[],
): Required<Pick<Figure, 'value' | 'floor' | 'ratio' | 'samples'>> => ({
  value: median(measured.map((p) => p.ours)),
  floor: median(measured.map((p) => p.floor)),
  ratio: median(measured.map((p) => p.ours / p.floor)),
  samples: measured.length,
});

/** Milliseconds that it takes. */
export async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}

export const atMost = (value: number, most: number, words: string): NonNullable<Figure['goal']> => ({
  words,
  met: value <= most,
});

export const atLeast = (value: number, least: number, words: string): NonNullable<Figure['goal']> => ({
  words,
  met: value >= least,
});
