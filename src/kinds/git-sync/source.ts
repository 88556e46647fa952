import type { View } from '../../api/kind.ts';
import { DEFAULT_INCLUDE } from '../../drivers/git/git.ts';
import type { GitCredentials, GitRef, GitSource, SigningKey } from '../../drivers/git/git.ts';
import { isSecret } from '../secret/types.ts';
import type { Secret } from '../secret/types.ts';
import { identitiesIn } from './decrypt/identities.ts';
import type { Decryption } from './decrypt/identities.ts';
import { textsIn } from './texts.ts';
import type { GitSync } from './types.ts';

/** Under which keys a Secret may have each: those of Kubernetes' own types, and of Flux. */
const KEYS = {
  username: ['username'],
  password: ['password', 'token', 'bearerToken'],
  sshKey: ['ssh-privatekey', 'identity'],
  knownHosts: ['known_hosts'],
  caFile: ['ca.crt', 'caFile'],
} as const satisfies Record<keyof GitCredentials, readonly string[]>;

/** Files that age has encrypted as a whole. */
const ENCRYPTED_FILES = DEFAULT_INCLUDE.map((pattern) => `${pattern}.age`);

/** What the driver is asked with, by whom commits must be signed, and what files are decrypted with. */
export interface SyncSource extends GitSource {
  signers?: readonly SigningKey[];
  decryption?: Decryption;
}

/** `missing`: what has to be there first, for a person. */
export function gitSource(sync: GitSync, view: View): SyncSource | { missing: string } {
  const { url, ref, path, exclude, credentials, verify, decrypt } = sync.spec;
  const { namespace } = sync.metadata;
  const secret = credentials === undefined ? undefined : view.get({ kind: 'Secret', namespace, name: credentials });
  if (credentials !== undefined && !(secret && isSecret(secret)))
    return { missing: `Secret ${namespace}/${credentials} (spec.credentials) does not exist; create it` };
  const signers = verify && signersIn(namespace, verify, view);
  if (signers && 'missing' in signers) return signers;
  const decryption = decrypt && identitiesIn(namespace, decrypt.secret, view);
  if (decryption && 'missing' in decryption) return decryption;
  const include = sync.spec.include ?? (decryption && [...DEFAULT_INCLUDE, ...ENCRYPTED_FILES]);
  return {
    url,
    ref: refOf(ref),
    ...(signers ? { signers } : {}),
    ...(decryption ? { decryption } : {}),
    ...(path === '.' ? {} : { path }),
    filter: { ...(include ? { include } : {}), ...(exclude ? { exclude } : {}) },
    ...(secret && isSecret(secret) ? { credentials: credentialsIn(secret) } : {}),
  };
}

/** The remote's default branch where nothing is said. */
const refOf = (ref: GitSync['spec']['ref']): GitRef =>
  Object.keys(ref).length === 0 ? { head: true } : (ref as GitRef);

/** Without keys nothing could be signed by them: that is no leave to apply everything. */
function signersIn(
  namespace: string,
  { configMap, secret }: NonNullable<GitSync['spec']['verify']>,
  view: View,
): readonly SigningKey[] | { missing: string } {
  const kind = secret === undefined ? 'ConfigMap' : 'Secret';
  const name = secret ?? configMap ?? '';
  const found = view.get({ kind, namespace, name });
  const texts = textsIn(found);
  if (texts.length === 0) return { missing: `${kind} ${namespace}/${name} (spec.verify) has no keys; create it` };
  return texts.map(([key, publicKey]) => ({ name: key, publicKey }));
}

function credentialsIn({ data = {} }: Secret): GitCredentials {
  const found = Object.entries(KEYS).flatMap(([name, keys]) => {
    const key = keys.find((each) => Object.hasOwn(data, each));
    return key === undefined ? [] : [[name, Buffer.from(data[key] ?? '', 'base64').toString('utf8')]];
  });
  return Object.fromEntries(found) as GitCredentials;
}
