import { canonicalJson, sameJson, sha256 } from '../../base/hash.ts';
import { instanceSpecSchema } from '../instance/public.ts';
import { labelsOf } from './types.ts';
import type { Template } from './types.ts';

/** Values that are the schema's defaults, false, and empty mappings, say nothing: a later release that adds a field replaces no instance. */
export function withoutDefaults(spec: object): object {
  const fields = instanceSpecSchema.properties ?? {};
  const saysSomething = ([name, value]: [string, unknown]) =>
    name !== 'vpc' && value !== false && !sameJson(value, fields[name]?.default) && !sameJson(value, {});
  return Object.fromEntries(Object.entries(spec).filter(saysSomething));
}

const hashes = new WeakMap<Template, string>();

/** Names a template: equal ones have one hash, whatever release admitted them. */
export function templateHash(template: Template): string {
  const known = hashes.get(template);
  if (known !== undefined) return known;
  const { annotations } = template.metadata ?? {};
  const parts = {
    labels: labelsOf(template),
    ...(annotations && { annotations }),
    spec: withoutDefaults(template.spec),
  };
  const hash = sha256(canonicalJson(parts));
  hashes.set(template, hash.slice(0, 10));
  return hash.slice(0, 10);
}
