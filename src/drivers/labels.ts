import { GROUP } from '../api/metadata.ts';
import { canonicalJson, sha256 } from '../base/hash.ts';
import type { ConfigDigests, ContainerSpec, Owner } from './compute.ts';

/** The labels on every Engine object of ours. An interface that others rely on: never rename one. */
export const LABEL = {
  installation: `${GROUP}/installation`,
  uid: `${GROUP}/uid`,
  kind: `${GROUP}/kind`,
  namespace: `${GROUP}/namespace`,
  name: `${GROUP}/name`,
  generation: `${GROUP}/generation`,
  specHash: `${GROUP}/spec-hash`,
  config: `${GROUP}/config`,
  defaults: `${GROUP}/defaults`,
  helper: `${GROUP}/helper`,
} as const;

export function ownerLabels(installation: string, owner: Owner, specHash: string): Record<string, string> {
  return {
    [LABEL.installation]: installation,
    [LABEL.uid]: owner.uid,
    [LABEL.kind]: owner.kind,
    [LABEL.namespace]: owner.namespace,
    [LABEL.name]: owner.name,
    [LABEL.generation]: String(owner.generation),
    [LABEL.specHash]: specHash,
  };
}

/** What a container is made with beside its specification. */
export const creationLabels = ({
  configDigests = {},
  defaults,
}: Pick<ContainerSpec, 'configDigests' | 'defaults'>): Record<string, string> => ({
  ...(Object.keys(configDigests).length > 0 && { [LABEL.config]: canonicalJson(configDigests) }),
  ...(defaults !== undefined && { [LABEL.defaults]: defaults }),
});

/** A label that somebody else has written is none: what it is to tell is then made anew. */
export function configDigestsOf(labels: Readonly<Record<string, string>>): ConfigDigests | undefined {
  try {
    const read: unknown = JSON.parse(labels[LABEL.config] ?? 'null');
    return typeof read === 'object' && read !== null && !Array.isArray(read) ? (read as ConfigDigests) : undefined;
  } catch {
    return undefined;
  }
}

/** Whose it is, or `undefined` when it is not this installation's. */
export function ownerOf(installation: string, labels: Record<string, string> | null | undefined): Owner | undefined {
  const uid = labels?.[LABEL.uid];
  if (!labels || !uid || labels[LABEL.installation] !== installation) return undefined;
  return {
    uid,
    kind: labels[LABEL.kind] ?? '',
    namespace: labels[LABEL.namespace] ?? '',
    name: labels[LABEL.name] ?? '',
    generation: Number(labels[LABEL.generation] ?? 0),
  };
}

/** Enough of the uid to tell two lives of one name apart, short enough to read. */
export const shortUid = (uid: string): string => uid.replaceAll('-', '').slice(0, 8);

/** Deterministic, so that a step repeated after a crash finds what the first one made (I3). */
export const engineName = (owner: Pick<Owner, 'namespace' | 'name' | 'uid'>): string =>
  `${owner.namespace}-${owner.name}-${shortUid(owner.uid)}`;

/** Of what must be told apart from other installations' by its name alone. */
export const installationDigest = (installation: string): string => sha256(installation).slice(0, 12);

/** Which volume on the Engine a named volume is: dots keep the parts apart, because no part contains one. */
export const volumeNameOf = (installation: string, namespace: string, name: string): string =>
  `${namespace}.${name}.${shortUid(installation)}`;
