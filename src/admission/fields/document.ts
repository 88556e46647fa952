/** Which part of a document has owners. The rest (names, uid, times, revision, and status outside its subresource) is the server's. */
import { own } from '../../base/own.ts';
import type { Metadata } from '../../api/metadata.ts';
import { METADATA, isObject } from './structure.ts';
import type { JsonObject } from './structure.ts';

/** A document as these functions take and give it: checked by its schema before, or still to be. */
export interface Document {
  apiVersion: string;
  kind: string;
  metadata: Partial<Metadata>;
}

const TRACKED_METADATA = Object.keys(METADATA.properties ?? {});

/** `status`: only the status has owners there. Anything else, or none: all but the status. */
const isTracked = (member: string, subresource: string | undefined): boolean =>
  subresource === 'status' ? member === 'status' : member !== 'status' && member !== 'apiVersion' && member !== 'kind';

/** The part that has owners. The parts of it are the document's own, so that equal references mean equal values. */
export function trackedPart(document: Document | undefined, subresource?: string): JsonObject {
  const out: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(document ?? {})) {
    if (name !== 'metadata' && value !== undefined && isTracked(name, subresource)) out[name] = value;
  }
  const metadata = subresource === 'status' || !isObject(document?.metadata) ? {} : trackedMetadata(document.metadata);
  return Object.keys(metadata).length > 0 ? { metadata, ...out } : out;
}

function trackedMetadata(metadata: JsonObject): JsonObject {
  const out: Record<string, unknown> = {};
  for (const name of TRACKED_METADATA) {
    const value = own(metadata, name);
    if (value !== undefined) out[name] = value;
  }
  return out;
}

/** Everything that can have an owner, the status included. */
export const wholePart = (document: Document): JsonObject => ({
  ...trackedPart(document),
  ...trackedPart(document, 'status'),
});

/** The document with another tracked part. */
export function withTrackedPart(document: Document, part: JsonObject, subresource?: string): Document {
  const { metadata = {}, ...rest } = part as { metadata?: JsonObject };
  const untracked = (name: string): boolean => !isTracked(name, subresource);
  const top = Object.fromEntries(Object.entries(document).filter(([name]) => untracked(name) && name !== 'metadata'));
  const own = Object.entries(document.metadata).filter(
    ([name]) => subresource === 'status' || !TRACKED_METADATA.includes(name),
  );
  const { apiVersion, kind, ...others } = top as { apiVersion: string; kind: string };
  return { apiVersion, kind, metadata: { ...Object.fromEntries(own), ...metadata }, ...rest, ...others } as Document;
}
