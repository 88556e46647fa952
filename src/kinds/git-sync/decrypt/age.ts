import { armor, Decrypter, identityToRecipient } from 'age-encryption';
import { turns } from '../../../base/turns.ts';
import type { Decryption } from './identities.ts';

const ARMOR = '-----BEGIN AGE ENCRYPTED FILE-----';
const VERSION = 'age-encryption.org/v1\n';
/** Each is tried with each identity. */
const MAX_RECIPIENTS = 32;

/** The identities of a sync, with their public halves. */
export interface Keys {
  secret: string;
  pairs: readonly { identity: string; recipient: string }[];
}

export const keysOf = async ({ secret, identities }: Decryption): Promise<Keys> => ({
  secret,
  pairs: await Promise.all(
    identities.map(async (identity) => ({ identity, recipient: await identityToRecipient(identity) })),
  ),
});

/** What to encrypt for, for a message. */
export const recipientsText = ({ pairs }: Keys): string => pairs.map(({ recipient }) => recipient).join(' or ');

/** Why something is not decrypted, for a person. It shows nothing of the plain text. */
export class NotDecrypted extends Error {}

export const isArmored = (text: unknown): text is string =>
  typeof text === 'string' && text.trimStart().startsWith(ARMOR);

/** Whether all of it is one age file, armored or binary. */
export const isAgeFile = (content: Buffer): boolean =>
  content.subarray(0, VERSION.length).equals(Buffer.from(VERSION)) ||
  isArmored(content.subarray(0, 2 * ARMOR.length).toString('latin1'));

/** The plain text of an age file. One with a passphrase is refused: its work factor is the writer's choice. */
export async function openAge(content: Buffer, keys: Keys): Promise<Buffer> {
  const file = binaryOf(content);
  const kinds = recipientsOf(file);
  if (kinds.includes('scrypt'))
    throw new NotDecrypted('it is encrypted with a passphrase: encrypt it for an age recipient (age1…)');
  if (kinds.length > MAX_RECIPIENTS)
    throw new NotDecrypted(`it has ${kinds.length} recipients; at most ${MAX_RECIPIENTS} are tried`);
  for (const { identity } of keys.pairs) {
    await turns.next();
    const opened = await openWith(file, identity);
    if (opened) return opened;
  }
  const count = `${kinds.length} recipient${kinds.length === 1 ? '' : 's'}`;
  throw new NotDecrypted(
    `no identity of Secret ${keys.secret} opens it: it has ${count}; encrypt it for ${recipientsText(keys)} too`,
  );
}

/** `undefined`: it is for others. */
async function openWith(file: Uint8Array, identity: string): Promise<Buffer | undefined> {
  let isForOthers = false;
  const decrypter = new Decrypter();
  decrypter.addIdentity(identity);
  // Asked after the first one, when that has opened nothing.
  decrypter.addIdentity({
    unwrapFileKey() {
      isForOthers = true;
      return null;
    },
  });
  try {
    return Buffer.from(await decrypter.decrypt(file));
  } catch {
    if (isForOthers) return undefined;
    throw damaged();
  }
}

function binaryOf(content: Buffer): Uint8Array {
  try {
    const text = content.toString('latin1');
    return isArmored(text) ? armor.decode(text) : content;
  } catch {
    throw damaged();
  }
}

/** The kinds of the recipients that the header lists. */
function recipientsOf(file: Uint8Array): string[] {
  const text = Buffer.from(file.buffer, file.byteOffset, file.byteLength).toString('latin1');
  const end = text.indexOf('\n--- ');
  if (!text.startsWith(VERSION) || end < 0) throw damaged();
  const lines = text.slice(0, end).split('\n');
  return lines.flatMap((line) => (line.startsWith('-> ') ? [line.split(' ')[1] ?? ''] : []));
}

const damaged = () => new NotDecrypted('it is no whole age file: it was cut off or changed; encrypt it anew');
