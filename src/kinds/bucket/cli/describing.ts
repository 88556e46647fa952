import { Failure } from '../../../cli/failure.ts';
import type { Description } from './stored.ts';

export interface DescriptionFlags {
  contentType?: string;
  cacheControl?: string;
  contentDisposition?: string;
  contentEncoding?: string;
  contentLanguage?: string;
  /** `name=value,name=value`. */
  metadata?: string;
}

/** What flags say of the object. */
export function descriptionIn(flags: DescriptionFlags): Description {
  const { contentType, cacheControl, contentDisposition, contentEncoding, contentLanguage, metadata } = flags;
  return {
    contentType,
    cacheControl,
    contentDisposition,
    contentEncoding,
    contentLanguage,
    metadata: metadata === undefined ? undefined : pairsIn(metadata),
  };
}

function pairsIn(text: string): Record<string, string> {
  const pairs = text.split(',').map((pair): [string, string] => {
    const at = pair.indexOf('=');
    if (at < 1) throw new Failure(`--metadata: expected name=value,name=value, found ${text}`);
    return [pair.slice(0, at).trim().toLowerCase(), pair.slice(at + 1).trim()];
  });
  return Object.fromEntries(pairs);
}
