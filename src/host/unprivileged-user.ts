import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { withoutSecrets } from '../base/config.ts';

/** An account of this machine that may do nothing in particular. */
export interface UnprivilegedUser {
  name: string;
  uid: number;
  gid: number;
}

/** PostgreSQL refuses to run as root, and initdb needs a user with an entry in passwd. In this order. */
const CANDIDATES = ['postgres', 'nobody'];

/**
 * Whom root drops to for the embedded server; undefined when this process is not root and runs it as itself.
 * `owner` is the user id that owns the server's data already, if any: another account could not open them.
 * Throws when the machine has no fitting account.
 */
export function userToDropTo(owner?: number): UnprivilegedUser | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const accounts = readFileSync('/etc/passwd', 'utf8').split('\n').map(parseAccount);
  if (owner !== undefined && owner !== 0) {
    const found = accounts.find((a) => a.uid === owner);
    if (found) return found;
    throw new Error(`the embedded PostgreSQL's data belong to user id ${owner}, which /etc/passwd does not know`);
  }
  const found = CANDIDATES.map((name) => accounts.find((a) => a.name === name && a.uid > 0)).find(
    (a) => a !== undefined,
  );
  if (found) return found;
  throw new Error(
    `no user ${CANDIDATES.join(' or ')} in /etc/passwd to run PostgreSQL as: add one, or set DATABASE_URL`,
  );
}

/** Whether `user` gets as far as into `folder`, asked of the kernel as that user, so that access lists count too. */
export function canEnter(user: UnprivilegedUser, folder: string): boolean {
  const env = withoutSecrets(process.env); // that user reads it
  return spawnSync('test', ['-x', folder], { uid: user.uid, gid: user.gid, cwd: '/', env }).status === 0;
}

function parseAccount(line: string): UnprivilegedUser {
  const [name = '', , uid = '', gid = ''] = line.split(':');
  return { name, uid: Number(uid), gid: Number(gid) };
}
