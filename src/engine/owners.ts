import { refOf } from '../api/metadata.ts';
import type { Ref, Resource } from '../api/metadata.ts';
import type { KindDefinition, View } from '../api/schema.ts';
import { FOREGROUND, ORPHAN, remove, settled, withoutFinalizer } from '../admission/operations.ts';
import type { Left } from '../admission/operations.ts';
import type { Effects } from '../store/store.ts';

/**
 * Owner references and garbage collection, as in Kubernetes:
 * - background: a dependent whose owners are all gone is deleted;
 * - foreground: an owner waits, with its finalizer, for the dependents that block it, and has them deleted;
 * - orphan: dependents lose the reference, then the owner goes.
 * One decision a key, over exact views: repeating it changes nothing.
 */
export function collect(key: Ref, kinds: ReadonlyMap<string, KindDefinition>, now: Date): (view: View) => Effects {
  return (view) => {
    const resource = view.get(key);
    if (!resource) return {};
    const deleting = resource.metadata.deletionTimestamp !== undefined;
    const finalizers = resource.metadata.finalizers ?? [];
    if (deleting && finalizers.includes(ORPHAN)) return orphan(resource, view, kinds);
    if (deleting && finalizers.includes(FOREGROUND)) return foreground(resource, view, kinds, now);
    return deleting ? {} : background(resource, view, kinds, now);
  };
}

function dependentsOf(uid: string, view: View, kinds: Iterable<string>): Resource[] {
  return [...kinds].flatMap((kind) => view.lookup(kind, 'owner', uid));
}

function background(resource: Resource, view: View, kinds: ReadonlyMap<string, KindDefinition>, now: Date): Effects {
  const owners = resource.metadata.ownerReferences ?? [];
  const kind = kinds.get(resource.kind);
  if (!kind || owners.length === 0 || owners.some((owner) => view.byUid(owner.uid))) return {};
  return effectsOf([remove(kind, resource, {}, now)]);
}

function foreground(owner: Resource, view: View, kinds: ReadonlyMap<string, KindDefinition>, now: Date): Effects {
  const dependents = dependentsOf(owner.metadata.uid, view, kinds.keys());
  const blocking = dependents.filter((d) =>
    d.metadata.ownerReferences?.some((o) => o.uid === owner.metadata.uid && o.blockOwnerDeletion),
  );
  if (blocking.length === 0) return effectsOf([settled(withoutFinalizer(owner, FOREGROUND))]);
  const living = dependents.filter((d) => d.metadata.deletionTimestamp === undefined);
  return effectsOf(
    living.flatMap((d) => remove(kinds.get(d.kind) as KindDefinition, d, { propagationPolicy: 'Foreground' }, now)),
  );
}

function orphan(owner: Resource, view: View, kinds: ReadonlyMap<string, KindDefinition>): Effects {
  const released = dependentsOf(owner.metadata.uid, view, kinds.keys()).map((d): Left => {
    const ownerReferences = d.metadata.ownerReferences?.filter((o) => o.uid !== owner.metadata.uid) ?? [];
    return { put: { ...d, metadata: { ...d.metadata, ownerReferences } } };
  });
  return effectsOf([...released, settled(withoutFinalizer(owner, ORPHAN))]);
}

const effectsOf = (lefts: readonly Left[]): Effects => ({
  put: lefts.flatMap((left) => ('put' in left ? [left.put] : [])),
  remove: lefts.flatMap((left) => ('remove' in left ? [left.remove] : [])),
});

/** Whom a change of this document concerns: itself, its owners, its dependents. */
export function concerned(changed: Resource, view: View, kinds: Iterable<string>): Ref[] {
  const owners = (changed.metadata.ownerReferences ?? []).flatMap((o) => view.byUid(o.uid) ?? []);
  const related = [...owners, ...dependentsOf(changed.metadata.uid, view, kinds)].map(refOf);
  const itself =
    (changed.metadata.ownerReferences ?? []).length > 0 || changed.metadata.deletionTimestamp !== undefined;
  return itself ? [refOf(changed), ...related] : related;
}
