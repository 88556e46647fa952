import { readFile } from 'node:fs/promises';
import { parse } from 'yaml';
import { kubeconfigText } from '../base/kubeconfig-text.ts';
import { writePrivate } from './private-file.ts';

/** What a client needs to reach the daemon and be let in; readable by kubectl. */
export interface Kubeconfig {
  server: string;
  /** PEM of the authority that signed the server's certificate. */
  ca: string;
  token: string;
}

/** The key that the file holds, or `undefined` when there is none that can be read. */
export async function tokenIn(path: string): Promise<string | undefined> {
  try {
    const config = parse(await readFile(path, 'utf8')) as { users?: { user?: { token?: unknown } }[] } | null;
    const token = config?.users?.[0]?.user?.token;
    return typeof token === 'string' ? token : undefined;
  } catch {
    return undefined;
  }
}

/** Writes the file (0600) unless it says just that already. */
export async function writeKubeconfig(path: string, config: Kubeconfig): Promise<void> {
  const text = kubeconfigText({ context: 'miniaws', user: 'admin', ...config });
  const now = await readFile(path, 'utf8').catch(() => undefined);
  if (now !== text) await writePrivate(path, text);
}
