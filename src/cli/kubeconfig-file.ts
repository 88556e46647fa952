import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { parseDocument } from 'yaml';
import type { Document } from 'yaml';
import { codeOf } from '../base/errors.ts';
import { Failure } from './failure.ts';

/** What a context is made of. */
export interface Entry {
  context: string;
  cluster: object;
  token: string;
  namespace: string;
}

/** A kubeconfig as it stands in its file: what else is in it, comments too, stays. */
export async function readKubeconfigFile(path: string): Promise<Document> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return '';
    throw error;
  });
  const document = parseDocument(text.trim() === '' ? 'apiVersion: v1\nkind: Config\n' : text);
  if (document.errors.length > 0)
    throw new Failure(`${path} is no kubeconfig: ${document.errors[0]?.message.split('\n')[0] ?? ''}`);
  return document;
}

/** In place of the one of this name. */
export function withContext(document: Document, { context, cluster, token, namespace }: Entry): void {
  put(document, 'clusters', context, { cluster });
  put(document, 'users', context, { user: { token } });
  put(document, 'contexts', context, { context: { cluster: context, user: context, namespace } });
  document.set('current-context', context);
}

function put(document: Document, list: string, name: string, value: object): void {
  const items = ((document.toJS() as Record<string, { name?: string }[] | undefined> | null)?.[list] ?? []).map(
    (item) => item.name,
  );
  const at = items.indexOf(name);
  const entry = document.createNode({ name, ...value });
  if (at >= 0) document.setIn([list, at], entry);
  else if (items.length > 0) document.addIn([list], entry);
  else document.set(list, [entry]);
}

/** Whole or not at all, and for its owner alone. */
export async function writeKubeconfigFile(path: string, document: Document): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const draft = `${path}.${process.pid}`;
  await writeFile(draft, document.toString(), { mode: 0o600 });
  await rename(draft, path);
}
