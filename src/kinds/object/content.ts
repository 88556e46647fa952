import { createHash } from 'node:crypto';
import type { View } from '../../api/kind.ts';
import { contentAt } from '../shared/config-data.ts';
import type { DeclaredObject } from './types.ts';

/** What the object shall hold, or what hinders that to be known. */
export type Content = { bytes: Buffer; etag: string } | { missing: string };

/** As the document says it, or as the ConfigMap or Secret has it now. */
export function contentOf({ metadata, spec }: DeclaredObject, view: View): Content {
  const { configMap, secret } = spec.contentFrom ?? {};
  const [kind, from] = configMap ? ['ConfigMap', configMap] : ['Secret', secret];
  if (!from)
    return known(
      spec.content === undefined ? Buffer.from(spec.contentBase64 ?? '', 'base64') : Buffer.from(spec.content),
    );
  const title = `${kind} ${metadata.namespace}/${from.name}`;
  const document = view.get({ kind, namespace: metadata.namespace, name: from.name });
  if (!document) return { missing: `${title} is not there: create it` };
  const content = contentAt(document, from.key);
  return content === undefined
    ? { missing: `${title} has no key ${from.key}: add it` }
    : known(Buffer.from(content as string));
}

const known = (bytes: Buffer): Content => ({ bytes, etag: createHash('md5').update(bytes).digest('hex') });
