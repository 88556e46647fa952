/** Moving from client-side to server-side apply: kubectl's annotation, and what the real API server does with it. */
import { LAST_APPLIED } from '../../api/metadata.ts';
import type { JsonSchema } from '../../api/kind.ts';
import { canonicalJson } from '../../base/hash.ts';
import { checkJsonSize } from './bounds.ts';
import { compare, fieldsOf } from './compare.ts';
import { trackedPart } from './document.ts';
import type { Document } from './document.ts';
import { EMPTY, difference, union } from './fieldset.ts';
import type { FieldSet } from './fieldset.ts';
import { isObject } from './structure.ts';

/** The manager that these rules are for. Whoever does not want them uses another name. */
export const KUBECTL = 'kubectl';
/** Kubernetes' limit for all annotations of an object, in bytes. */
const MAX_ANNOTATIONS = 256 * 1024;

/** The fields that kubectl set by client-side apply and that nobody has changed since: no conflict for `kubectl`. */
export function unchangedSinceLastApplied(live: Document, schema: JsonSchema): FieldSet {
  const last = parseLastApplied(live.metadata.annotations?.[LAST_APPLIED]);
  if (!last || last.apiVersion !== live.apiVersion) return EMPTY;
  const part = trackedPart(last);
  const { added, modified, removed } = compare(part, trackedPart(live), schema);
  return difference(fieldsOf(part, schema), union(union(added, modified), removed));
}

function parseLastApplied(text: string | undefined): Document | undefined {
  try {
    const value: unknown = JSON.parse(text ?? '');
    checkJsonSize(value, 'the last applied configuration');
    return isObject(value) ? (value as unknown as Document) : undefined;
  } catch {
    return undefined;
  }
}

/** The live object's annotations with the annotation rewritten, so that client-side apply stays possible; the same ones when nothing changes. */
export function rewriteLastApplied(
  annotations: Readonly<Record<string, string>>,
  applied: Document,
): Readonly<Record<string, string>> {
  const text = lastAppliedText(applied);
  const others = Object.entries(annotations).filter(([name]) => name !== LAST_APPLIED);
  const size = others.reduce(
    (sum, [name, value]) => sum + name.length + Buffer.byteLength(value),
    Buffer.byteLength(text),
  );
  const fitting = size + LAST_APPLIED.length > MAX_ANNOTATIONS ? '' : text;
  return annotations[LAST_APPLIED] === fitting ? annotations : { ...annotations, [LAST_APPLIED]: fitting };
}

function lastAppliedText(applied: Document): string {
  const { managedFields: _, annotations, ...metadata } = applied.metadata;
  const { [LAST_APPLIED]: __, ...others } = annotations ?? {};
  return `${canonicalJson({ ...applied, metadata: annotations ? { ...metadata, annotations: others } : metadata })}\n`;
}
