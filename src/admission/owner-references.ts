import { refOf, titleOf } from '../api/metadata.ts';
import type { Resource } from '../api/metadata.ts';
import type { View } from '../api/kind.ts';
import type { Cause } from '../base/errors.ts';

/** What Kubernetes demands of owner references. One of before is not looked at again: its owner may be gone by now. */
export function checkOwners(next: Resource, old: Resource | undefined, view: View): Cause[] {
  const references = next.metadata.ownerReferences ?? [];
  const known = new Set((old?.metadata.ownerReferences ?? []).map((reference) => reference.uid));
  const causes = references.flatMap((reference, at): Cause[] => {
    const owner = view.byUid(reference.uid);
    const inNamespace = owner && refOf(owner).namespace !== '';
    if (!inNamespace || known.has(reference.uid) || owner.metadata.namespace === next.metadata.namespace) return [];
    return [
      invalidOwner(
        at,
        `${titleOf(refOf(owner))} is of another namespace; an owner must be of the namespace of what it owns, "${next.metadata.namespace}"`,
      ),
    ];
  });
  const controllers = references.flatMap((reference, at) => (reference.controller === true ? [at] : []));
  const [, second] = controllers;
  return second === undefined ? causes : [...causes, invalidOwner(second, 'only one owner can have controller: true')];
}

const invalidOwner = (at: number, message: string): Cause => ({
  reason: 'FieldValueInvalid',
  message,
  field: `metadata.ownerReferences[${at}]`,
});
