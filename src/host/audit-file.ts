import { appendFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { AuditEvent } from '../api/audit.ts';
import { messageOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';

/** One event a line, each line whole. The file is opened for each write: one that was moved away is made anew. */
export function auditFile(path: string, log: Log): (event: AuditEvent) => void {
  const file = resolve(path);
  const waiting: string[] = [];
  let writing = false;
  const write = async () => {
    writing = true;
    while (waiting.length > 0) {
      const lines = waiting.splice(0).join('');
      await appendFile(file, lines, { mode: 0o600 }).catch((error: unknown) =>
        log.error({ file, err: messageOf(error) }, 'the audit file cannot be written: the table has the events'),
      );
    }
    writing = false;
  };
  return (event) => {
    waiting.push(`${JSON.stringify(event)}\n`);
    if (!writing) void write();
  };
}
