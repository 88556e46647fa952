import { createHash } from 'node:crypto';
import { isAlias, isMap, isScalar, isSeq } from 'yaml';
import type { Node, Scalar } from 'yaml';
import type { ParsedPart } from '../../../admission/load.ts';
import { turns } from '../../../base/turns.ts';
import { NotDecrypted, openAge, recipientsText } from './age.ts';
import type { Keys } from './age.ts';
import type { Findings } from './findings.ts';
import { metadataOf, sopsPair } from './sops-metadata.ts';
import type { SopsMetadata } from './sops-metadata.ts';
import { decipher, isCipherText, plainBytes } from './sops-value.ts';
import type { Counted, Plain } from './sops-value.ts';

const KEY_BYTES = 32;
/** What a MAC over encrypted values alone begins with: SHA-256 of "sops". */
const ENCRYPTED_ONLY = createHash('sha256').update('sops').digest();
const CHANGED = 'it was changed, moved, or taken from another file; encrypt the file anew with sops';

/** A scalar, and the keys that lead to it as SOPS writes them, each with a colon behind it. */
interface Leaf {
  offset: number;
  place: string;
  /** `undefined`: what SOPS does not write. */
  node: Scalar | undefined;
}

/** Decrypts the documents in SOPS's form. Those that one call of sops has written have one MAC. */
export async function openSops(parts: readonly ParsedPart[], keys: Keys, into: Findings): Promise<void> {
  for (const unit of unitsOf(parts)) {
    const [first] = unit;
    const offset = first.offset + offsetOf(sopsPair(first.yaml)?.key);
    try {
      const metadata = metadataOf(first);
      await openUnit(unit, metadata, await dataKeyOf(metadata, keys), into, offset);
    } catch (error) {
      if (!(error instanceof NotDecrypted)) throw error;
      into.problem(offset, `the document is encrypted, and ${error.message}`);
    }
  }
}

type Unit = [ParsedPart, ...ParsedPart[]];

/** Neighbours with the same MAC. */
function unitsOf(parts: readonly ParsedPart[]): Unit[] {
  const units: { mac: unknown; parts: Unit }[] = [];
  for (const part of parts) {
    const sops = sopsPair(part.yaml)?.value;
    if (!isMap(sops)) continue;
    const mac = sops.get('mac');
    const last = units.at(-1);
    if (last && last.mac === mac) last.parts.push(part);
    else units.push({ mac, parts: [part] });
  }
  return units.map((unit) => unit.parts);
}

/** Only what is encrypted for a recipient that an identity is of is tried. */
async function dataKeyOf({ age }: SopsMetadata, keys: Keys): Promise<Buffer> {
  for (const pair of keys.pairs) {
    const ours = age.find(({ recipient }) => recipient === pair.recipient);
    if (!ours) continue;
    const key = await openAge(Buffer.from(ours.enc), { ...keys, pairs: [pair] });
    if (key.length !== KEY_BYTES) throw new NotDecrypted('its key is none of sops: encrypt it anew with sops');
    return key;
  }
  const theirs = age.map(({ recipient }) => recipient).join(', ');
  throw new NotDecrypted(
    `no identity of Secret ${keys.secret} opens it: it is for ${theirs}; add ${recipientsText(keys)} (sops updatekeys)`,
  );
}

async function openUnit(unit: Unit, metadata: SopsMetadata, key: Buffer, into: Findings, at: number): Promise<void> {
  const hash = createHash('sha512');
  if (metadata.macOnlyEncrypted) hash.update(ENCRYPTED_ONLY);
  const values: [offset: number, plain: Plain][] = [];
  const before = into.problems.length;
  await turns.each(unit.flatMap(leavesOfPart), ({ offset, place, node }) => {
    if (node === undefined) {
      into.problem(offset, 'an encrypted document has texts as keys, and no alias: encrypt the file anew with sops');
      return;
    }
    const isEncrypted = isCipherText(node.value);
    const found = isEncrypted ? decipher(node.value as string, key, place) : plainOf(node);
    if (found === undefined) into.problem(offset, `the value cannot be decrypted: ${CHANGED}`);
    else if (isEncrypted || !metadata.macOnlyEncrypted) hash.update(found.bytes);
    if (found && isEncrypted) values.push([offset, found.value]);
  });
  for (const [offset, plain] of values) into.value(offset, plain);
  if (into.problems.length > before) return;
  const mac = decipher(metadata.mac, key, metadata.lastModified)?.value;
  if (mac !== hash.digest('hex').toUpperCase())
    into.problem(at, `the document does not have the MAC of its values: ${CHANGED}`);
}

const plainOf = (node: Scalar): Counted => ({ value: '', bytes: plainBytes(node) });

function leavesOfPart({ yaml, offset }: ParsedPart): Leaf[] {
  const { contents } = yaml;
  const sops = sopsPair(yaml);
  const items = isMap(contents) ? contents.items.filter((pair) => pair !== sops) : [];
  return items
    .flatMap(({ key, value }) => leavesOfPair(key, value, ''))
    .map((leaf) => ({ ...leaf, offset: leaf.offset + offset }));
}

function leavesOfPair(key: unknown, value: unknown, place: string): Leaf[] {
  if (!isScalar(key) || typeof key.value !== 'string') return [{ offset: offsetOf(key), place, node: undefined }];
  return leavesOf(value, `${place}${key.value}:`);
}

/** In the file's order. The place in a list says nothing. */
function leavesOf(node: unknown, place: string): Leaf[] {
  if (isMap(node)) return node.items.flatMap(({ key, value }) => leavesOfPair(key, value, place));
  if (isSeq(node)) return node.items.flatMap((item) => leavesOf(item, place));
  if (isAlias(node)) return [{ offset: offsetOf(node), place, node: undefined }];
  return isScalar(node) ? [{ offset: offsetOf(node), place, node }] : [];
}

const offsetOf = (node: unknown): number => (node as Node | undefined)?.range?.[0] ?? 0;
