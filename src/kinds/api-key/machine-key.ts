import { randomUUID } from 'node:crypto';
import type { RawDocument } from '../../admission/admit.ts';
import { create, replace } from '../../admission/operations.ts';
import type { WriteContext } from '../../admission/operations.ts';
import { sha256 } from '../../base/hash.ts';
import { newToken } from '../../base/token.ts';
import type { AdmissionSettings, KindDefinition, View } from '../../api/kind.ts';
import type { Clock } from '../../base/clock.ts';
import { timestamp } from '../../admission/admit.ts';
import type { MachineToken } from '../shared/kind-module.ts';
import type { Snapshot, Store } from '../../store/store.ts';
import { apiKeyKind } from './definition.ts';
import { LAST_USES } from './last-uses.ts';
import { issued, withTokens } from './tokens.ts';
import { isApiKey } from './types.ts';
import type { ApiKey, IssuedToken } from './types.ts';

/** The key of whoever has the machine: each data folder has a token of it. */
const MACHINE_KEY = 'admin';
/** Field manager of it. */
const MANAGER = 'miniaws-machine';

/** Takes in tokens of releases that had no documents of keys. */
export async function adoptOldTokens(store: Store, clock: Clock): Promise<void> {
  const rows = await store.beside(LAST_USES).withoutDocument();
  if (rows.length === 0) return;
  const issuedAt = timestamp(clock.now());
  await changeMachineKey(store, clock, (tokens) => [
    ...rows.flatMap(({ sha256: hash }) => (tokens.some((t) => t.sha256 === hash) ? [] : [{ sha256: hash, issuedAt }])),
    ...tokens,
  ]);
  // The row of the document has the hash of one of them, and a hash is in one row.
  await store.beside(LAST_USES).forget(rows.map(({ id }) => id));
}

export const machineToken: MachineToken = async (store, clock, known, alone = false) => {
  const holders = known === undefined ? [] : (await store.current()).lookup(apiKeyKind.kind, 'token', sha256(known));
  const isGood = holders.some(({ metadata }) => metadata.deletionTimestamp === undefined);
  if (isGood && known !== undefined && !alone) return known;
  const token = newToken();
  await changeMachineKey(store, clock, (tokens) => [...(alone ? [] : tokens), issued(token, clock.now())]);
  return token;
};

/** Makes the key where there is none, and sees to it that it may do everything. */
async function changeMachineKey(
  store: Store,
  clock: Clock,
  change: (tokens: readonly IssuedToken[]) => readonly IssuedToken[],
): Promise<void> {
  const now = clock.now();
  const decide = (view: Snapshot) => {
    const context: WriteContext = {
      now,
      fieldValidation: 'Strict',
      warnings: [],
      manager: MANAGER,
      settings: SETTINGS,
    };
    const live = view.get({ kind: apiKeyKind.kind, namespace: '', name: MACHINE_KEY });
    const key = live && isApiKey(live) ? administrating(live, view, context) : made(MACHINE_KEY, view, context);
    return { put: [withTokens(key, change(key.status?.tokens ?? []))] };
  };
  await store.commit({ decide });
}

/** A key asks for none of them. */
const SETTINGS: AdmissionSettings = {
  vpcPool: '',
  vpcPrefix: 0,
  hostPaths: { allowed: [], guarded: [] },
  hostAccess: { devices: [], gpus: false, nfsServers: [], metadata: false },
  foreignRanges: () => [],
};
const SPEC = { role: 'admin' };

function made(name: string, view: View, context: WriteContext): ApiKey {
  const { apiVersion, kind } = apiKeyKind;
  return create(kindOf(), { apiVersion, kind, metadata: { name }, spec: SPEC }, view, context) as ApiKey;
}

/** Whatever somebody has made of it. One that is being deleted ends; another takes its place. */
function administrating(key: ApiKey, view: View, context: WriteContext): ApiKey {
  if (key.metadata.deletionTimestamp !== undefined)
    return made(`${MACHINE_KEY}-${randomUUID().slice(0, 8)}`, view, context);
  const { userId } = key.spec;
  return replace(
    kindOf(),
    { ...key, spec: { ...SPEC, userId } } as unknown as RawDocument,
    key,
    view,
    context,
  ) as ApiKey;
}

const kindOf = (): KindDefinition => apiKeyKind as unknown as KindDefinition;
