import { isMap, isScalar, visit } from 'yaml';
import { MAX_BYTES, parseText } from '../../../admission/load.ts';
import type { ParsedPart } from '../../../admission/load.ts';
import { isAgeFile, isArmored, NotDecrypted, openAge } from './age.ts';
import type { Keys } from './age.ts';
import { Findings } from './findings.ts';
import type { Decrypted, SyncFile } from './findings.ts';
import { mayBeEncrypted } from './prepare.ts';
import { sopsPair } from './sops-metadata.ts';
import { openSops } from './sops.ts';

/** Each is opened by itself. */
const MAX_AGE_VALUES = 256;
const NO_TEMPLATE = ' (a file with something encrypted is read before its variables are filled: quote them)';
/** `undefined`: nothing of the file is encrypted. */
export async function openFile(file: SyncFile, keys: Keys): Promise<Decrypted | undefined> {
  if (file.content.length > MAX_BYTES) return undefined;
  if (isAgeFile(file.content) || file.path.endsWith('.age')) return openWhole(file, keys);
  const text = file.content.toString('utf8');
  return mayBeEncrypted(text) ? openValues(file.path, text, keys) : undefined;
}

/** The places of its problems are those of its plain text. */
async function openWhole({ path, content }: SyncFile, keys: Keys): Promise<Decrypted> {
  const findings = new Findings(path, '');
  if (!isAgeFile(content)) {
    findings.problem(0, 'the file is not encrypted by age, as its name says: encrypt it, or name it otherwise');
    return findings.found();
  }
  try {
    const text = (await openAge(content, keys)).toString('utf8');
    const plain = new Findings(path, text);
    const parts = partsOf(text);
    if (parts === undefined) plain.problem(0, NOT_READ);
    for (const part of parts ?? []) lookInto(part, plain);
    return { ...plain.found(), text };
  } catch (error) {
    if (!(error instanceof NotDecrypted)) throw error;
    findings.problem(0, `the file is encrypted, and ${error.message}`);
    return findings.found();
  }
}

/** All of it is secret but what names its objects. The parser's own words would show some of it. */
function lookInto({ yaml, offset }: ParsedPart, into: Findings): void {
  for (const { pos } of yaml.errors) into.problem(offset + pos[0], NOT_READ);
  const names = new Set<unknown>(
    isMap(yaml.contents)
      ? yaml.contents.items.filter(({ key }) => isScalar(key) && NAMES.includes(String(key.value)))
      : [],
  );
  visit(yaml, {
    Pair: (_, pair) => (names.has(pair) ? visit.SKIP : undefined),
    Alias: (_, { source }) => into.secret(source),
    Scalar: (key, { value }) => (key === 'key' ? undefined : into.secret(value)),
  });
}

const NOT_READ = 'its plain text is no good YAML or JSON here';
const NAMES = ['apiVersion', 'kind', 'metadata'];

async function openValues(path: string, text: string, keys: Keys): Promise<Decrypted | undefined> {
  const findings = new Findings(path, text);
  const parts = partsOf(text);
  if (parts === undefined) return undefined;
  for (const { yaml, offset } of parts)
    for (const { pos, message } of yaml.errors) findings.problem(offset + pos[0], `${message}${NO_TEMPLATE}`);
  if (findings.problems.length > 0) return findings.found();
  await openSops(parts, keys, findings);
  const armored = parts.flatMap(armoredIn);
  if (armored.length > MAX_AGE_VALUES) {
    const message = `the file has ${armored.length} values that age has encrypted; at most ${MAX_AGE_VALUES} are read`;
    findings.problem(armored[0]?.offset ?? 0, message);
    return findings.found();
  }
  for (const { offset, value } of armored) {
    try {
      findings.value(offset, (await openAge(Buffer.from(value), keys)).toString('utf8'));
    } catch (error) {
      if (!(error instanceof NotDecrypted)) throw error;
      findings.problem(offset, `the value is encrypted, and ${error.message}`);
    }
  }
  return findings.found();
}

function partsOf(text: string): ParsedPart[] | undefined {
  try {
    return parseText(text);
  } catch {
    return undefined;
  }
}

function armoredIn({ yaml, offset }: ParsedPart): { offset: number; value: string }[] {
  const found: { offset: number; value: string }[] = [];
  const sops = sopsPair(yaml);
  visit(yaml, {
    Pair: (_, pair) => (pair === sops ? visit.SKIP : undefined),
    Scalar(key, { value, range }) {
      if (key !== 'key' && isArmored(value)) found.push({ offset: offset + (range?.[0] ?? 0), value });
    },
  });
  return found;
}
