/**
 * What a fresh machine lacks for `npm test` and for the daemon, by `.ci/engine`: an Engine that answers, and a static
 * busybox to make images of. Says what it does on standard error; one line and exit status 1 when it cannot.
 */
import { messageOf } from '../base/errors.ts';
import { ensureEngine } from './ensure-engine.ts';
import { ensureStaticBusybox } from './packages.ts';

const progress = (text: string) => process.stderr.write(`${text} …\n`);

try {
  await ensureEngine(progress);
  await ensureStaticBusybox(progress);
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n`);
  process.exitCode = 1;
}
