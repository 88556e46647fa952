import { Cron } from 'croner';
import { validateDetailed } from 'node-cron';

/** Five fields, or a nickname: a schedule of seconds is nothing for machines that take seconds to come. */
const FORM = /^(@(yearly|annually|monthly|weekly|daily|hourly)|\S+( \S+){4})$/;

/** What is wrong with an expression, in words; `undefined`: nothing. */
export function cronComplaint(expression: string): string | undefined {
  if (!FORM.test(expression))
    return 'expected five fields (minute, hour, day of month, month, day of week) such as "0 8 * * 1-5", or @daily';
  const [error] = validateDetailed(expression).errors;
  if (error) return `${error.field}: ${error.message}`;
  try {
    return new Cron(expression).nextRun() ? undefined : 'it never comes';
  } catch (cause) {
    return (cause as Error).message.replace(/^CronPattern: /, '');
  }
}

export function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat('en', { timeZone: name }).resolvedOptions().timeZone !== '';
  } catch {
    return false;
  }
}

/**
 * The runs beside a moment. node-cron knows its own clock only, and neither a run before nor one after another moment: by
 * these, what was missed is caught up. A time that a clock change leaves out comes right after it; one that it doubles
 * comes once.
 */
export function runsAround(expression: string, timeZone: string, now: Date): { last?: Date; next?: Date } {
  const cron = new Cron(expression, { timezone: timeZone });
  // A run of this very moment is one that has come.
  const [last] = cron.previousRuns(1, new Date(now.getTime() + 1));
  const next = cron.nextRun(now);
  return { ...(last && { last }), ...(next && { next }) };
}
