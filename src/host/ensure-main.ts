/**
 * What a fresh machine lacks for `npm test` and for the daemon, by `.ci/engine`: an Engine that answers, and a static
 * busybox to make images of, and git with what it needs. Says what it does on standard error; one line and exit status 1 when it cannot.
 */
import { messageOf } from '../base/errors.ts';
import { systemdRuns } from './docker-daemon.ts';
import { ensureEngine } from './ensure-engine.ts';
import { ensurePrograms, ensureStaticBusybox } from './packages.ts';

const GIT = { git: 'git', ssh: 'openssh-client', gpg: 'gnupg' };
/** Where systemd runs it would start at once, for everybody: there the tests that need it are left out. */
const SSH_SERVER = { sshd: 'openssh-server' };

const progress = (text: string) => process.stderr.write(`${text} …\n`);

try {
  await ensureEngine(progress);
  await ensureStaticBusybox(progress);
  await ensurePrograms(systemdRuns() ? GIT : { ...GIT, ...SSH_SERVER }, progress);
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n`);
  process.exitCode = 1;
}
