import { applyDocument } from '../../admission/operations.ts';
import { accessOf } from '../../api/access.ts';
import { authorOf } from '../../http/author.ts';
import { gitSyncKind } from './definition.ts';
import { appliersOf, hasSucceeded, isReady, keyOf, refOf, titleOf, findCondition } from '../../api/metadata.ts';
import type { Ref, Resource } from '../../api/metadata.ts';
import type { AdmissionSettings, View } from '../../api/kind.ts';
import type { KindRegistry } from '../../api/registry.ts';
import type { Clock } from '../../base/clock.ts';
import type { Digest } from '../../base/hash.ts';
import { turns } from '../../base/turns.ts';
import type { Controller, UnderWay } from '../../engine/contract.ts';
import { AppliedSince } from './applied-since.ts';
import { Comparer, decide, keeperBeside } from './compare.ts';
import type { CompareOptions, SyncChange } from './compare.ts';
import { listed } from '../shared/conditions.ts';
import { Holds } from './holds.ts';
import { observeFolders, refusedFolders, RevisionReader } from './observe.ts';
import { isDue } from './due.ts';
import { planGitSync } from './plan.ts';
import type { FolderObserved, SyncObserved, SyncStep } from './plan.ts';
import type { Repositories } from './repositories.ts';
import { isReadyNow, reportGitSync } from './report.ts';
import { counted, operationFor, withOperation } from './operation.ts';
import type { Purpose } from './operation.ts';
import { gitSource } from './source.ts';
import { tell } from './tell.ts';
import { isGitSync, managerOf, shortCommit, syncOfManager, targetOf } from './types.ts';
import type { GitSync } from './types.ts';

export interface GitSyncDeps {
  repositories: Repositories;
  kinds: KindRegistry;
  settings: AdmissionSettings;
  clock: Clock;
  digest: Digest;
}

/** For each thousand objects, of which a pass takes some 5 ms. */
const GATHER_MS = 100;

const NOTHING: SyncObserved['comparison'] = { changes: [], problems: [], claims: [] };

/**
 * Keeps the objects of a repository's commit as its files say. It works on documents alone, by server-side apply as a
 * field manager of its own; what it has applied is found by that, so that a crash at any moment loses nothing of it.
 */
export function gitSyncController(deps: GitSyncDeps): Controller<GitSync, SyncObserved, SyncStep> {
  const { repositories, kinds } = deps;
  const comparer = new Comparer();
  const reader = new RevisionReader(kinds);
  const holds = new Holds();
  const appliedSince = new AppliedSince(deps.clock);
  // It is held to what it may do itself, as who made it was: what it applies may grant something, too.
  const settingsOf = (sync: GitSync): AdmissionSettings => {
    const access = accessOf(gitSyncKind.grants?.(sync, kinds) ?? []);
    return { ...deps.settings, author: authorOf({ user: managerOf(sync), access }, kinds) };
  };
  const optionsIn = (view: View, sync: GitSync): CompareOptions => ({
    kinds,
    context: { settings: settingsOf(sync), now: deps.clock.now(), fieldValidation: 'Strict' },
    keeps: (manager, ref) => holds.keeps(manager, ref, view),
  });

  return {
    kind: 'GitSync',
    needsEngine: false,
    watches: [
      { enqueue: (changed, view) => syncsOf(changed, view), gatherMs },
      { kind: 'GitSync', enqueue: ({ metadata }, view) => dependents('dependsOn', metadata, view) },
      { kind: 'Secret', enqueue: ({ metadata }, view) => dependents('Secret', metadata, view) },
      { kind: 'ConfigMap', enqueue: ({ metadata }, view) => dependents('ConfigMap', metadata, view) },
    ],

    async observe(sync, pass) {
      const { view } = pass;
      const kept = view.lookupAll('applier', managerOf(sync));
      const source = gitSource(sync, view);
      const options = optionsIn(view, sync);
      const handed = new Set<Resource>();
      await turns.each(kept, (resource) => {
        if (keeperBeside(sync, resource, options) !== undefined) handed.add(resource);
      });
      const base = { kept, awaited: awaitedBy(sync, view), handedOver: [...handed] };
      const none = {
        revision: undefined,
        unread: [],
        folders: [],
        comparison: NOTHING,
        orphans: [],
        appliedMs: 0,
        peersBehind: [],
        filledWith: '',
        notReady: [],
      };
      if ('missing' in source)
        return { ...base, ...none, remote: { stale: false, agoMs: 0 }, target: undefined, missing: source.missing };
      const isAtWork = !sync.spec.suspend && sync.metadata.deletionTimestamp === undefined;
      // No step: that nothing is new is nothing to tell of. What takes longer brings the sync back at its end.
      if (!pass.planning && isAtWork && isDue(sync, repositories.state(sync, source), pass.now()))
        await repositories.ask(sync, source);
      const remote = repositories.state(sync, source);
      const rewritten = repositories.rewritten(sync, source);
      const head = rewritten === undefined ? remote.head?.sha : undefined;
      const target = targetOf(sync, head, pass.now());
      if (target === undefined || !isAtWork) return { ...base, ...none, remote, target };
      const snapshotOf = (commit: string) => repositories.snapshot(sync, source, commit);
      const look = (refused?: ReadonlyMap<string, string>) =>
        observeFolders(sync, target, snapshotOf, (snapshot) => reader.read(sync, snapshot, view), refused);
      const compare = (folders: readonly FolderObserved[]) => comparer.all(sync, documentsOf(folders), view, options);
      let looked = await look();
      let comparison = await compare(looked.folders);
      if (comparison.problems.length > 0) {
        // What admission refuses is as bad as what cannot be read: the commit from before is kept in its place.
        looked = await look(refusedFolders(looked.folders, comparison.problems));
        comparison = await compare(looked.folders);
      }
      const { revision, unread, folders } = looked;
      const documents = documentsOf(folders);
      const held = new Set<string>();
      const notReady: SyncObserved['notReady'][number][] = [];
      await turns.each(documents, ({ document: { ref } }) => {
        held.add(keyOf(ref));
        notReady.push(...unready(ref, view, kinds));
      });
      holds.put(sync, revision === undefined ? undefined : target.commit, held);
      const gone: Resource[] = [];
      await turns.each(kept, (resource) => {
        if (!held.has(keyOf(refOf(resource)))) gone.push(resource);
      });
      return {
        ...base,
        remote,
        target,
        ...(rewritten !== undefined && target.why === 'applied' ? { rewritten } : {}),
        revision,
        unread,
        folders,
        comparison,
        // What another sync has in its files is that one's to take over, whether it has done so or not.
        orphans: gone.filter((resource) => !handed.has(resource) && !holds.isOfAnother(sync, refOf(resource), view)),
        handedOver: gone.filter((resource) => handed.has(resource)),
        appliedMs: appliedSince.ms(sync, target),
        peersBehind: holds.peersBehind(sync, target, view),
        filledWith: deps.digest(reader.filledWith(sync, view)),
        notReady,
      };
    },

    plan: (sync, observed, now) => planGitSync(sync, observed, now, kinds),

    async act(step, sync, pass): Promise<UnderWay | void> {
      const source = gitSource(sync, pass.view);
      switch (step.do) {
        case 'read':
          if ('missing' in source || (await repositories.read(sync, source, step.commit))) return undefined;
          return { underWay: `commit ${shortCommit(step.commit)} is being fetched` };
        case 'apply':
          return pass.transact((view) => ({
            put: decide(sync, step.changes, view, optionsIn(view, sync)),
            ...statusAfter(sync, step.purpose, step.changes, view),
          }));
        case 'tell': {
          const failures = await tell(sync, step.verdict, pass.view, pass.now(), pass.signal);
          await pass.claim(() => ({ told: step.verdict }));
          if (failures.length > 0) pass.log.warn({ sync: managerOf(sync), failures }, 'nobody could be told');
          return undefined;
        }
        case 'handOver':
          return pass.transact((view) => ({
            put: step.resources.flatMap((r) => givenUp(sync, r, view, optionsIn(view, sync))),
          }));
        case 'delete':
          return pass.transact((view) => {
            const gone = step.resources.flatMap((r) => stillOurs(sync, r, view));
            const deleted = gone.map((r) => ({ ref: refOf(r), is: 'deleted' as const }));
            return { remove: gone, ...statusAfter(sync, step.purpose, deleted, view) };
          });
      }
    },

    report: reportGitSync,

    print(step) {
      switch (step.do) {
        case 'read':
          return `read commit ${shortCommit(step.commit)}`;
        case 'apply':
          return printApply(step.changes);
        case 'tell':
          return `tell of ${step.verdict.reason}`;
        case 'handOver':
          return `leave ${step.resources.length} objects to another sync`;
        case 'delete':
          return `delete ${listed(step.resources.map((r) => titleOf(refOf(r))))}`;
      }
    },

    forget(uid) {
      repositories.forget(uid);
      holds.forget(uid);
      appliedSince.forget(uid);
    },
  };
}

/** What the status says in the same commit of what is written. */
function statusAfter(
  sync: GitSync,
  purpose: Purpose | undefined,
  written: Parameters<typeof counted>[1],
  view: View,
): { status?: object } {
  const latest = view.get(refOf(sync));
  if (!purpose || !latest || !isGitSync(latest)) return {};
  return { status: withOperation({}, counted(operationFor(latest.status?.operation, purpose), written)) };
}

const documentsOf = (folders: readonly FolderObserved[]) =>
  folders.flatMap(({ documents, commit = '' }) => documents.map((document) => ({ document, commit })));

function printApply(changes: readonly SyncChange[]): string {
  const [first] = changes;
  if (!first) return 'apply nothing';
  const what = changes.length === 1 ? titleOf(first.ref) : `${changes.length} objects`;
  return `apply ${what} of commit ${shortCommit(first.commit)}`;
}

/** Those that applied it: a change of it by somebody else is put back. */
function syncsOf(resource: Resource, view: View): Ref[] {
  return appliersOf(resource).flatMap((manager) => {
    const sync = syncOfManager(manager);
    const found = sync && view.get({ kind: 'GitSync', ...sync });
    return found ? [refOf(found)] : [];
  });
}

/** One with many objects looks at all of them in each pass: of changes in a row, that is a few percent of a core. */
function gatherMs(ref: Ref, view: View): number {
  const sync = view.get(ref);
  const objects = sync && isGitSync(sync) ? (sync.status?.objects ?? 0) : 0;
  return Math.floor(objects / 1_000) * GATHER_MS;
}

const dependents = (index: string, { namespace, name }: Resource['metadata'], view: View): Ref[] =>
  view.lookup('GitSync', index, `${namespace}/${name}`).map(refOf);

function awaitedBy({ metadata, spec }: GitSync, view: View): string[] {
  return (spec.dependsOn ?? []).filter((name) => {
    const other = view.get({ kind: 'GitSync', namespace: metadata.namespace, name });
    return !(other && isGitSync(other) && isReadyNow(other));
  });
}

function unready(ref: Ref, view: View, kinds: KindRegistry): { title: string; why: string }[] {
  const live = view.get(ref);
  if (!live) return [{ title: titleOf(ref), why: 'it is not there' }];
  if (!kinds.must(ref.kind).reconciled || isReady(live) || hasSucceeded(live)) return [];
  const condition = findCondition(live, 'Ready');
  const isCurrent = condition?.observedGeneration === live.metadata.generation;
  const why = isCurrent ? `${condition.reason}: ${condition.message}` : 'nothing has acted on its last change yet';
  return [{ title: titleOf(ref), why }];
}

/** Another sync has it: this one owns none of its fields any more. */
function givenUp(sync: GitSync, resource: Resource, view: View, { kinds, context }: CompareOptions): Resource[] {
  const live = view.get(refOf(resource));
  if (live?.metadata.uid !== resource.metadata.uid) return [];
  const { name, namespace } = live.metadata;
  const empty = {
    apiVersion: live.apiVersion,
    kind: live.kind,
    metadata: { name, ...(namespace === undefined ? {} : { namespace }) },
  };
  const write = { ...context, warnings: [], manager: managerOf(sync), force: false };
  const next = applyDocument(kinds.must(live.kind), empty, live, view, write);
  return next === live ? [] : [next];
}

/** As it is under the lock: one that was made anew, or that another sync has taken over, stays. */
function stillOurs(sync: GitSync, resource: Resource, view: View): Resource[] {
  const live = view.get(refOf(resource));
  const isOurs = live?.metadata.uid === resource.metadata.uid && appliersOf(live).includes(managerOf(sync));
  return isOurs ? [live] : [];
}
