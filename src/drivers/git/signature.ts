import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { GitCommand } from './command.ts';
import { GitError, type SigningKey } from './git.ts';
import { ProcessFailed } from './process.ts';
import type { Repository } from './repository.ts';

const SSH_KEY = /^(?:ssh|ecdsa|sk-ssh|sk-ecdsa)-[\w@.-]+ [A-Za-z0-9+/]+={0,2}(?: |$)/;
const OPENPGP_KEY = '-----BEGIN PGP PUBLIC KEY BLOCK-----';
/** A good signature, as gpg tells of it. The last word is the fingerprint of the primary key. */
const VALID = '[GNUPG:] VALIDSIG ';
const IMPORTED = '[GNUPG:] IMPORT_OK ';
const SSH_SIGNER = /^Good "git" signature for key-(\d+) with /m;

/** gpg asks no server for keys and starts no daemon. A key that is listed is trusted. */
const GPG_CONF = 'batch\nno-autostart\nno-auto-key-retrieve\ntrust-model always\n';

/** The name of the listed key that signed the commit. git knows of no other keys. */
export async function signerOf(
  git: GitCommand,
  repository: Repository,
  sha: string,
  keys: readonly SigningKey[],
): Promise<string> {
  const gnupg = join(git.folder.path, 'gnupg');
  await mkdir(gnupg, { mode: 0o700 });
  await writeFile(join(gnupg, 'gpg.conf'), GPG_CONF, { mode: 0o600 });
  const env = { GNUPGHOME: gnupg };
  const nameByFingerprint = new Map<string, string>();
  for (const key of keys.filter(isOpenPgp))
    for (const fingerprint of await importKey(git, key, env)) nameByFingerprint.set(fingerprint, key.name);
  const signers = join(git.folder.path, 'allowed_signers');
  await writeFile(signers, allowedSigners(keys), { mode: 0o600 });
  const settings = [`gpg.ssh.allowedSignersFile=${signers}`, 'gpg.x509.program=false'];
  const args = [`--git-dir=${repository.path}`, ...settings.flatMap((setting) => ['-c', setting])];
  // git, gpg and ssh-keygen tell of a good signature on standard error.
  const said = await git.runProgram('git', [...args, 'verify-commit', '--raw', sha], { env }).then(
    ({ stderr }) => stderr,
    (error: unknown) => {
      if (error instanceof ProcessFailed) return '';
      throw error;
    },
  );
  const signer = keys[Number(SSH_SIGNER.exec(said)?.[1] ?? -1)]?.name ?? nameByFingerprint.get(fingerprintIn(said));
  if (signer !== undefined) return signer;
  throw new GitError(
    'SignatureInvalid',
    `${git.remote.url}: no listed key has signed the commit ${sha}: sign it by one of ${keys.map(({ name }) => name).join(', ')}, or list the key of who did`,
  );
}

const isOpenPgp = ({ publicKey }: SigningKey): boolean => publicKey.includes(OPENPGP_KEY);

/** Whether ssh-keygen is needed, which git uses from 2.34 on. */
export const hasSshKey = (keys: readonly SigningKey[]): boolean => !keys.every(isOpenPgp);

/** A line for each key. Who signs is named by its place in the list: names of people could hold patterns. */
function allowedSigners(keys: readonly SigningKey[]): string {
  const lines = keys.flatMap((key, index) => {
    if (isOpenPgp(key)) return [];
    const [type = '', data = ''] = key.publicKey.trim().split(/\s+/);
    if (!SSH_KEY.test(`${type} ${data}`))
      throw new GitError(
        'Refused',
        `the signing key "${key.name}" is neither an SSH public key ("ssh-ed25519 AAAA…") nor an armored OpenPGP public key`,
      );
    return [`key-${index} namespaces="git" ${type} ${data}\n`];
  });
  return lines.join('');
}

/** The fingerprints of what the key's text holds. */
async function importKey(git: GitCommand, key: SigningKey, env: Record<string, string>): Promise<string[]> {
  const args = ['--quiet', '--status-fd', '1', '--import'];
  const said = await git.runProgram('gpg', args, { input: key.publicKey, env }).then(
    ({ stdout }) => stdout.toString('utf8'),
    (error: unknown) => {
      if (error instanceof ProcessFailed) return '';
      throw error;
    },
  );
  const fingerprints = said.split('\n').filter((line) => line.startsWith(IMPORTED));
  if (fingerprints.length === 0)
    throw new GitError(
      'Refused',
      `gpg cannot read the signing key "${key.name}": give the output of gpg --armor --export`,
    );
  return fingerprints.map((line) => line.trim().split(' ').at(-1) ?? '');
}

function fingerprintIn(said: string): string {
  const line = said.split('\n').find((each) => each.startsWith(VALID));
  return line?.trim().split(' ').at(-1) ?? '';
}
