/** NUL and other control characters can be stored in no JSONB and shown on no terminal. */
const CONTROL = /\p{Cc}/gu;

/** The last lines of what a program wrote that say something, each cut to `longest` characters. */
export const lastLines = (text: string, count: number, longest: number): string[] =>
  text
    .split('\n')
    .map((line) => line.replace(CONTROL, ' ').trimEnd().slice(0, longest))
    .filter((line) => line.trim() !== '')
    .slice(-count);
