import type { Resource } from '../../api/metadata.ts';
import { isConfigMap } from '../config-map/types.ts';
import { isSecret } from '../secret/types.ts';

/** The texts of a ConfigMap or a Secret, by key. */
export function textsIn(found: Resource | undefined): readonly (readonly [key: string, text: string])[] {
  if (found && isConfigMap(found)) return Object.entries(found.data ?? {});
  if (!found || !isSecret(found)) return [];
  return Object.entries(found.data ?? {}).map(([key, value]) => [key, Buffer.from(value, 'base64').toString('utf8')]);
}
