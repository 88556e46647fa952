import { refOf } from '../api/metadata.ts';
import type { OwnerReference, Ref, Resource } from '../api/metadata.ts';
import type { KindRegistry } from '../api/registry.ts';
import type { View } from '../api/kind.ts';
import { FOREGROUND, ORPHAN, remove, removeIfFinalized, withoutFinalizer } from '../admission/operations.ts';
import type { Left } from '../admission/operations.ts';
import type { Effects } from '../store/store.ts';

/**
 * Owner references and garbage collection, by Kubernetes' rules (garbagecollector.go, attemptToDeleteItem):
 * - a dependent is deleted when none of its owners is left; a reference to one that is gone, or is being deleted in the
 *   foreground, is taken from a dependent that another owner still holds;
 * - foreground: an owner waits, with its finalizer, for the dependents that block it;
 * - orphan: dependents lose the reference, then the owner goes.
 * An owner is of the dependent's own namespace, or of none; a reference that does not fit the object with its uid is to nobody.
 * One decision a key, over exact views: repeating it changes nothing.
 */
export function collect(key: Ref, kinds: KindRegistry, now: Date): (view: View) => Effects {
  return (view) => {
    const resource = view.get(key);
    if (!resource) return {};
    const deleting = resource.metadata.deletionTimestamp !== undefined;
    const finalizers = resource.metadata.finalizers ?? [];
    if (deleting && finalizers.includes(ORPHAN)) return orphan(resource, view);
    if (deleting && finalizers.includes(FOREGROUND)) return foreground(resource, view);
    return deleting ? {} : attemptToDelete(resource, view, kinds, now);
  };
}

const dependentsOf = (owner: Resource, view: View): Resource[] =>
  view.lookupAll('owner', owner.metadata.uid).filter((dependent) => mayOwn(owner, dependent));

/** What has no namespace owns in all of them. */
const mayOwn = (owner: Resource, dependent: Resource): boolean =>
  ['', refOf(dependent).namespace].includes(refOf(owner).namespace);

/** Kubernetes' words: `waiting` owners are deleted in the foreground, `dangling` ones are gone. */
type OwnerState = 'solid' | 'waiting' | 'dangling';

function stateOf(reference: OwnerReference, dependent: Resource, view: View): OwnerState {
  const owner = view.byUid(reference.uid);
  const fits = owner?.kind === reference.kind && owner.metadata.name === reference.name && mayOwn(owner, dependent);
  if (!owner || !fits) return 'dangling';
  return isDeletingDependents(owner) ? 'waiting' : 'solid';
}

const isDeletingDependents = ({ metadata }: Resource): boolean =>
  metadata.deletionTimestamp !== undefined && (metadata.finalizers ?? []).includes(FOREGROUND);

function attemptToDelete(resource: Resource, view: View, kinds: KindRegistry, now: Date): Effects {
  const references = resource.metadata.ownerReferences ?? [];
  const kind = kinds.get(resource.kind);
  if (!kind || references.length === 0) return {};
  const states = references.map((reference) => stateOf(reference, resource, view));
  const solid = references.filter((_, i) => states[i] === 'solid');
  if (solid.length === references.length) return {};
  if (solid.length > 0) return { put: [withOwners(resource, solid)] };
  const dependents = dependentsOf(resource, view);
  if (!states.includes('waiting') || dependents.length === 0) return effectsOf([remove(kind, resource, {}, now, view)]);
  // A circle: the owner waits for this one, and this one would wait for the owner.
  const isCircle = dependents.some(isDeletingDependents);
  const unblocked = references.map((reference) => ({ ...reference, blockOwnerDeletion: false }));
  const next = isCircle ? withOwners(resource, unblocked) : resource;
  return effectsOf([remove(kind, next, { propagationPolicy: 'Foreground' }, now, view)]);
}

function foreground(owner: Resource, view: View): Effects {
  const isBlocking = ({ metadata }: Resource): boolean =>
    (metadata.ownerReferences ?? []).some((o) => o.uid === owner.metadata.uid && o.blockOwnerDeletion === true);
  if (dependentsOf(owner, view).some(isBlocking)) return {};
  return effectsOf([removeIfFinalized(withoutFinalizer(owner, FOREGROUND))]);
}

const withOwners = (resource: Resource, ownerReferences: readonly OwnerReference[]): Resource => ({
  ...resource,
  metadata: { ...resource.metadata, ownerReferences },
});

function orphan(owner: Resource, view: View): Effects {
  const released = dependentsOf(owner, view).map((d): Left => ({
    put: withOwners(d, d.metadata.ownerReferences?.filter((o) => o.uid !== owner.metadata.uid) ?? []),
  }));
  return effectsOf([...released, removeIfFinalized(withoutFinalizer(owner, ORPHAN))]);
}

const effectsOf = (lefts: readonly Left[]): Effects => ({
  put: lefts.flatMap((left) => ('put' in left ? [left.put] : [])),
  remove: lefts.flatMap((left) => ('remove' in left ? [left.remove] : [])),
});

/** Whom a change of this document concerns: itself, its owners, those that it has let go of, its dependents. */
export function concerned(changed: Resource, old: Resource | undefined, view: View): Ref[] {
  const references = [...(changed.metadata.ownerReferences ?? []), ...(old?.metadata.ownerReferences ?? [])];
  const owners = references.flatMap((o) => view.byUid(o.uid) ?? []);
  const related = [...owners, ...dependentsOf(changed, view)].map(refOf);
  const itself =
    (changed.metadata.ownerReferences ?? []).length > 0 || changed.metadata.deletionTimestamp !== undefined;
  return itself ? [refOf(changed), ...related] : related;
}
