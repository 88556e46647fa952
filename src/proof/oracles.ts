import { findCondition, isReady, keyOf, refOf } from '../api/metadata.ts';
import type { Resource } from '../api/metadata.ts';
import type { InventoryRow } from '../store/inventory.ts';
import { canonicalJson } from '../base/hash.ts';
import { isBucket } from '../kinds/bucket/types.ts';
import { CONFIG_PATH, structureOf } from '../drivers/haproxy/configuration.ts';
import { LABEL } from '../drivers/labels.ts';
import type { SimulatedContainer } from '../drivers/simulated/objects.ts';
import { INSTALLATION } from './world.ts';
import type { World, WorldDaemon } from './world.ts';

/** The six judgements of survival, once, for every proof. Each answers what is wrong, in words; nothing is wrong: `[]`. */

const RESYNC_MS = 300_000;

/** 1. The world without what differs from run to run (uids, ids, times, addresses): two runs with the same lines ended alike. */
export async function picture(world: World): Promise<readonly string[]> {
  const { engine } = world;
  const nameOf = new Map(world.documents.map((r) => [r.metadata.uid, titleOf(r)]));
  const ownerOf = (labels: Readonly<Record<string, string>>) =>
    labels[LABEL.installation] === INSTALLATION ? (nameOf.get(labels[LABEL.uid] ?? '') ?? 'nobody') : 'somebody else';
  return [
    ...[...engine.containers.values()].map((c) => `container of ${ownerOf(c.labels)}: ${containerWords(c)}`),
    ...[...engine.containers.values()].flatMap((c) => proxyLines(world, c)),
    ...[...engine.containers.values()].flatMap(fileLines),
    ...[...engine.networks.byId.values()].map((n) => `network of ${ownerOf(n.labels)}: ${n.cidrBlock}`),
    // It stays closed when the last network has gone.
    ...(engine.networks.byId.size > 0 ? [`metadata service of the host's cloud: ${engine.metadataAccess}`] : []),
    ...[...engine.volumes.keys()].map((name) => `volume ${name}`),
    ...world.documents.map((r) => `document ${titleOf(r)}: ${documentWords(r)}`),
    ...(await objectLines(world)),
    ...(await world.inventory()).map((row) => `row of ${row.table} ${nameOf.get(row.id) ?? row.id}: ${rowWords(row)}`),
  ].toSorted();
}

/** Versions of objects that are looked at in each bucket. */
const MOST_VERSIONS = 1_000;

/** What buckets hold: the content's digest, who declares it, and whether the bytes are there. */
async function objectLines({ documents, objects }: World): Promise<string[]> {
  const lines = documents.filter(isBucket).map(async ({ metadata: { name } }) => {
    const rows = await objects.rows.versions(name, { from: '', until: null, most: MOST_VERSIONS });
    return Promise.all(
      rows.map(async (row) => {
        const bytes = row.isDeleteMarker ? 'a delete marker' : ((await objects.damageOf(row)) ?? 'whole');
        const { key, isLatest, etag, contentType, metadata, declaredBy } = row;
        const who = declaredBy === undefined ? 'put by a client' : 'declared';
        const words = [isLatest ? 'current' : 'an older version', who, etag, contentType, canonicalJson(metadata)];
        return `object ${key} of bucket ${name}: ${words.join(', ')}, ${bytes}`;
      }),
    );
  });
  return (await Promise.all(lines)).flat();
}

/** What runs in the container of a load balancer, and that the stored file says the same. */
function proxyLines({ engine }: World, { id, files, state }: SimulatedContainer): string[] {
  const text = files.get(CONFIG_PATH);
  if (text === undefined || state !== 'running') return [];
  const { structure, servers } = engine.proxies.of(id).state('');
  const stored = engine.proxies.stored(id);
  const same = stored && structureOf(stored) === structure ? 'as stored' : 'not as stored';
  const kept = stored?.backends.reduce((sum, b) => sum + b.servers.length, 0);
  return [
    `proxy: structure ${structure}, ${same}, ${kept} of ${servers.length} servers stored`,
    ...servers.map((s) => `server in ${s.backend}: port ${s.port}, ${s.mode}, ${s.health}`),
  ];
}

/** What was put into a container that a proxy does not write itself. */
const fileLines = ({ files }: SimulatedContainer): string[] =>
  files.has(CONFIG_PATH) ? [] : [...files].map(([path, content]) => `file ${path}: ${content}`);

/** Which of its equal instances a group has is no difference. */
function titleOf(r: Resource): string {
  const owner = r.metadata.ownerReferences?.find((o) => o.controller);
  return owner ? `${r.kind} of ${owner.kind}/${r.metadata.namespace}/${owner.name}` : keyOf(refOf(r));
}

const containerWords = (c: SimulatedContainer): string =>
  [
    // One that was made anew while it is stopped never ran.
    c.state === 'created' ? 'exited' : c.state,
    `made for ${c.labels[LABEL.specHash]}`,
    c.name.endsWith((c.labels[LABEL.uid] ?? '').slice(0, 8)) ? 'under its own name' : `named ${c.name}`,
    `on ${c.attachments.size} networks`,
    `cpus ${c.cpus ?? '-'}`,
    `memory ${c.memoryBytes ?? '-'}`,
    `reserved ${c.memoryReservationBytes ?? '-'}`,
    `with swap ${c.memorySwapBytes ?? '-'}`,
    `processors ${c.cpuSet ?? 'any'}`,
    `processes ${c.pidsLimit || 'any'}`,
    `restart ${c.restart}`,
  ].join(', ');

function rowWords(row: InventoryRow): string {
  switch (row.table) {
    case 'vpcs':
      return row.cidrBlock;
    case 'scaling_groups':
      return `${row.status}, ${row.currentCount} of ${row.desiredCount}`;
    case 'api_keys':
      return String(row.name);
    case 'instances':
    case 'load_balancers':
      return String(row.status);
  }
}

function documentWords(r: Resource): string {
  const ready = findCondition(r, 'Ready');
  const deleted = r.metadata.deletionTimestamp === undefined ? '' : ', being deleted';
  return `Ready ${ready?.status ?? 'not said'} (${ready?.reason ?? '-'})${deleted}, spec ${canonicalJson(r.spec)}`;
}

/** 1. Same end: what one world has and the other has not. */
export function differences(expected: readonly string[], actual: readonly string[]): string[] {
  const left = [...actual];
  const missing = expected.filter((line) => {
    const at = left.indexOf(line);
    if (at >= 0) left.splice(at, 1);
    return at < 0;
  });
  return [...missing.map((line) => `missing: ${line}`), ...left.map((line) => `too many: ${line}`)];
}

/** 3. Quiet: looks at everything change nothing and write nothing (I2). */
export async function unrest(world: World, daemon: WorldDaemon, looks = 3): Promise<string[]> {
  const before = { calls: world.mutations(), commits: world.commits };
  for (let i = 0; i < looks; i++) {
    daemon.manager.notice(undefined, 'oracle', 'resync');
    await world.clock.advance(RESYNC_MS / 5);
  }
  const calls = world.mutations() - before.calls;
  const commits = world.commits - before.commits;
  return calls + commits === 0 ? [] : [`not quiet: ${calls} changing calls and ${commits} commits in ${looks} looks`];
}

/** 4. No orphan: everything with our mark belongs to a live document. */
export function orphans(world: World): string[] {
  const uids = new Set(world.documents.map((r) => r.metadata.uid));
  return [...world.engine.containers.values(), ...world.engine.networks.byId.values()]
    .filter((o) => o.labels[LABEL.installation] === INSTALLATION && !uids.has(o.labels[LABEL.uid] ?? ''))
    .map((o) => `orphan: ${o.name} bears our mark and no document owns it`);
}

/**
 * 5. Truthful status: who says Ready is so; observedGeneration never fell and never was ahead; who is not Ready says why,
 * in words that a person can act on.
 */
export function untruths(world: World, daemon: WorldDaemon): string[] {
  const now = world.documents.flatMap((r) => {
    const key = keyOf(refOf(r));
    if (isReady(r))
      return daemon.contradiction(r, daemon.compute, world.documents)?.replace(/^/, `${key} says Ready, and `) ?? [];
    if (!world.kinds.must(r.kind).reconciled) return [];
    const ready = findCondition(r, 'Ready');
    return ready && ready.reason !== '' && ready.message.length > 5 ? [] : [`${key} is not Ready and does not say why`];
  });
  return [...now, ...world.statusRegressions];
}

export interface Expectation {
  /** The picture of the undisturbed run. */
  end: readonly string[];
  /** The most calls that may have changed the world in all (oracle 2). */
  mutations: number;
  /** Whether the world was left alone by others, so that whatever was written at any time must have been so. */
  steady: boolean;
}

/** 1 to 5 at the end of a run; 6, recovery without a person, is that the end was reached at all. */
export async function judge(world: World, daemon: WorldDaemon, expected: Expectation): Promise<string[]> {
  const done = world.mutations();
  return [
    ...differences(expected.end, await picture(world)),
    ...(done > expected.mutations
      ? [`too much work: ${done} changing calls, at most ${expected.mutations} are due`]
      : []),
    ...orphans(world),
    ...untruths(world, daemon),
    ...(expected.steady ? world.falseReady : []),
    ...(await unrest(world, daemon)),
  ];
}
