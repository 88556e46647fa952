import { invalid } from '../../api/field-errors.ts';
import type { Cause } from '../../base/errors.ts';
import type { InstanceSpec, LogDriver } from './types.ts';

/** Those whose log can be read back, and those that send it no further than the Engine's host. */
export const LOG_DRIVERS: readonly LogDriver[] = ['json-file', 'local', 'journald', 'syslog', 'none'];

const BUFFER = ['mode', 'max-buffer-size'];
const FIELDS = ['labels', 'labels-regex', 'env', 'env-regex', 'tag'];
/** The options of each that change what is written, and not where to. */
const OPTIONS: Record<LogDriver, readonly string[]> = {
  'json-file': [...FIELDS, 'compress', ...BUFFER],
  local: ['compress', ...BUFFER],
  journald: [...FIELDS, ...BUFFER],
  syslog: [...FIELDS, 'syslog-facility', 'syslog-format', ...BUFFER],
  none: [],
};
const INSTEAD: Record<string, string> = {
  'max-size': 'set logs.maxSize',
  'max-file': 'set logs.maxFiles',
  'syslog-address':
    "the Engine's host would open a connection wherever an instance says; set it for all in the Engine's daemon.json",
};

export function checkLogs({ logs: { driver = 'json-file', options = {} } }: InstanceSpec): Cause[] {
  const known = OPTIONS[driver];
  return Object.keys(options)
    .filter((name) => !known.includes(name))
    .map((name) =>
      invalid(
        `logs.options["${name}"]`,
        INSTEAD[name] ??
          `is no option of ${driver} here; there ${known.length ? `are ${known.join(', ')}` : 'is none'}`,
      ),
    );
}
