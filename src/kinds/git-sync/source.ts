import type { View } from '../../api/kind.ts';
import type { GitCredentials, GitRef, GitSource } from '../../drivers/git/git.ts';
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

/** What the driver is asked with. `missing`: what has to be there first, for a person. */
export function gitSource(sync: GitSync, view: View): GitSource | { missing: string } {
  const { url, ref, path, include, exclude, credentials } = sync.spec;
  const { namespace } = sync.metadata;
  const secret = credentials === undefined ? undefined : view.get({ kind: 'Secret', namespace, name: credentials });
  if (credentials !== undefined && !(secret && isSecret(secret)))
    return { missing: `Secret ${namespace}/${credentials} (spec.credentials) does not exist; create it` };
  return {
    url,
    ref: refOf(ref),
    ...(path === '.' ? {} : { path }),
    filter: { ...(include ? { include } : {}), ...(exclude ? { exclude } : {}) },
    ...(secret && isSecret(secret) ? { credentials: credentialsIn(secret) } : {}),
  };
}

/** The remote's default branch where nothing is said. */
const refOf = (ref: GitSync['spec']['ref']): GitRef =>
  Object.keys(ref).length === 0 ? { head: true } : (ref as GitRef);

function credentialsIn({ data = {} }: Secret): GitCredentials {
  const found = Object.entries(KEYS).flatMap(([name, keys]) => {
    const key = keys.find((each) => Object.hasOwn(data, each));
    return key === undefined ? [] : [[name, Buffer.from(data[key] ?? '', 'base64').toString('utf8')]];
  });
  return Object.fromEntries(found) as GitCredentials;
}
