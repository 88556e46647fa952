import type { View } from '../../api/kind.ts';
import type { Resource } from '../../api/metadata.ts';
import type { GitCredentials, GitRef, GitSource, SigningKey } from '../../drivers/git/git.ts';
import { isConfigMap } from '../config-map/types.ts';
import { isSecret } from '../secret/types.ts';
import type { Secret } from '../secret/types.ts';
import type { GitSync } from './types.ts';

/** Under which keys a Secret may have each: those of Kubernetes' own types, and of Flux. */
const KEYS = {
  username: ['username'],
  password: ['password', 'token', 'bearerToken'],
  sshKey: ['ssh-privatekey', 'identity'],
  knownHosts: ['known_hosts'],
  caFile: ['ca.crt', 'caFile'],
} as const satisfies Record<keyof GitCredentials, readonly string[]>;

/** What the driver is asked with, and by whom commits must be signed. */
export interface SyncSource extends GitSource {
  signers?: readonly SigningKey[];
}

/** `missing`: what has to be there first, for a person. */
export function gitSource(sync: GitSync, view: View): SyncSource | { missing: string } {
  const { url, ref, path, include, exclude, credentials, verify } = sync.spec;
  const { namespace } = sync.metadata;
  const secret = credentials === undefined ? undefined : view.get({ kind: 'Secret', namespace, name: credentials });
  if (credentials !== undefined && !(secret && isSecret(secret)))
    return { missing: `Secret ${namespace}/${credentials} (spec.credentials) does not exist; create it` };
  const signers = verify && signersIn(namespace, verify, view);
  if (signers && 'missing' in signers) return signers;
  return {
    url,
    ref: refOf(ref),
    ...(signers ? { signers } : {}),
    ...(path === '.' ? {} : { path }),
    filter: { ...(include ? { include } : {}), ...(exclude ? { exclude } : {}) },
    ...(secret && isSecret(secret) ? { credentials: credentialsIn(secret) } : {}),
  };
}

/** The remote's default branch where nothing is said. */
const refOf = (ref: GitSync['spec']['ref']): GitRef =>
  Object.keys(ref).length === 0 ? { head: true } : (ref as GitRef);

/** The texts of a ConfigMap or a Secret, by key. */
export function textsIn(found: Resource | undefined): readonly (readonly [key: string, text: string])[] {
  if (found && isConfigMap(found)) return Object.entries(found.data ?? {});
  if (!found || !isSecret(found)) return [];
  return Object.entries(found.data ?? {}).map(([key, value]) => [key, Buffer.from(value, 'base64').toString('utf8')]);
}

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
