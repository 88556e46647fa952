import { Decrypter } from 'age-encryption';
import type { View } from '../../../api/kind.ts';
import { namespacedName } from '../../../api/metadata.ts';
import { memoised } from '../../../base/memoised.ts';
import { isSecret } from '../../secret/types.ts';
import type { Secret } from '../../secret/types.ts';
import { textsIn } from '../texts.ts';

/** What files are decrypted with. */
export interface Decryption {
  /** `namespace/name` of the Secret that holds the identities. */
  secret: string;
  /** Each `AGE-SECRET-KEY-…`. */
  identities: readonly string[];
}

/** Each is tried on each age file that the others do not open. */
const MAX_IDENTITIES = 32;

/** `missing`: what has to be there first, for a person. It shows no line of the Secret. */
export function identitiesIn(namespace: string, name: string, view: View): Decryption | { missing: string } {
  const secret = view.get({ kind: 'Secret', namespace, name });
  if (!secret || !isSecret(secret))
    return { missing: `Secret ${namespace}/${name} (spec.decrypt) does not exist; create it` };
  return identitiesOf(secret);
}

/** Once for each Secret as it was read: every pass of a sync asks. */
const identitiesOf = memoised((secret: Secret): Decryption | { missing: string } => {
  const where = `Secret ${namespacedName(secret.metadata)} (spec.decrypt)`;
  const identities: string[] = [];
  for (const [key, text] of textsIn(secret)) {
    if (!key.endsWith('.agekey') && key !== 'identity') continue;
    for (const [i, whole] of text.split('\n').entries()) {
      const line = whole.trim();
      if (line === '' || line.startsWith('#')) continue;
      if (!isIdentity(line))
        return {
          missing: `${where}: line ${i + 1} of key ${key} is no age identity (AGE-SECRET-KEY-1…); correct it`,
        };
      identities.push(line);
    }
  }
  if (identities.length === 0)
    return {
      missing: `${where} has no age identity; put what age-keygen writes under a key whose name ends in .agekey`,
    };
  if (identities.length > MAX_IDENTITIES)
    return { missing: `${where} has ${identities.length} age identities; at most ${MAX_IDENTITIES} are tried` };
  return { secret: namespacedName(secret.metadata), identities };
});

function isIdentity(line: string): boolean {
  try {
    new Decrypter().addIdentity(line);
    return true;
  } catch {
    return false;
  }
}
