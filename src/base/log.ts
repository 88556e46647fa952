import { pino, type Logger } from 'pino';

/**
 * The daemon's log. A line is a constant message plus fields (`key`, `pass`, `err`), so that lines can be searched
 * and counted. Values that could be secrets are named, never printed (I10).
 */
export type Log = Logger;

export function createLog(options: { level: string; file?: string }): Log {
  const destination = pino.destination({ dest: options.file ?? 2, sync: true, mkdir: true, mode: 0o600 });
  return pino(
    {
      level: options.level,
      base: undefined,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: ['*.token', '*.password', '*.authorization', 'headers.authorization'], censor: '[secret]' },
    },
    destination,
  );
}

/** For tests and for tools that must print nothing of their own. */
export const silentLog: Log = pino({ level: 'silent' });
