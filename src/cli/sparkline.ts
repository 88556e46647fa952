const BLOCKS = '▁▂▃▄▅▆▇█';
/** Of as many heights, for a terminal that has no UTF-8. */
const ASCII = '_.,-=+*#';

export type Heights = typeof BLOCKS | typeof ASCII;

/** By the locale, as every program of the terminal reads it: the first of these that is set counts. */
export function heightsFor(env: NodeJS.ProcessEnv): Heights {
  const locale = env['LC_ALL'] || env['LC_CTYPE'] || env['LANG'] || '';
  return /utf-?8/i.test(locale) ? BLOCKS : ASCII;
}

/** One character a value, from zero to `most`; a gap where nothing is known. */
export function sparkline(values: readonly (number | undefined)[], most: number, heights: Heights): string {
  const top = heights.length - 1;
  const heightOf = (value: number) => (most > 0 ? Math.round((Math.min(Math.max(value, 0), most) / most) * top) : 0);
  return values.map((value) => (value === undefined ? ' ' : heights[heightOf(value)])).join('');
}
