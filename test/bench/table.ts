import type { Figure } from './figure.ts';

/** Four digits say all that a noisy machine knows. */
const digits = (value: number): number => Number(value.toPrecision(4));
const shown = (value: number | undefined): string => (value === undefined ? '' : String(digits(value)));

export const jsonLine = ({ name, value, unit, floor, ratio, samples }: Figure): string =>
  JSON.stringify({
    name,
    value: digits(value),
    unit,
    floor: floor === undefined ? null : digits(floor),
    ratio: ratio === undefined ? null : digits(ratio),
    samples,
  });

/** For people: a figure a line, and whether it is as it shall be. */
export function table(figures: readonly Figure[]): string {
  const head = ['FIGURE', 'VALUE', 'UNIT', 'FLOOR', 'RATIO', 'SAMPLES', 'GOAL', 'MET', 'NOTE'];
  const rows = figures.map((f) => [
    f.name,
    shown(f.value),
    f.unit,
    shown(f.floor),
    shown(f.ratio),
    String(f.samples),
    f.goal?.words ?? '',
    f.goal ? (f.goal.met ? 'yes' : 'NO') : '',
    f.note ?? '',
  ]);
  const widths = head.map((title, i) => Math.max(title.length, ...rows.map((row) => row[i]?.length ?? 0)));
  return [head, ...rows]
    .map((row) =>
      row
        .map((cell, i) => cell.padEnd(widths[i] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}
