import { armor, generateIdentity, identityToRecipient } from 'age-encryption';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { formatProblem } from '../../../src/admission/load.ts';
import { sha256 } from '../../../src/base/hash.ts';
import { KINDS } from '../../../src/kinds/index.ts';
import { SnapshotDecrypter } from '../../../src/kinds/git-sync/decrypt/snapshot.ts';
import { readFile, readRevision } from '../../../src/kinds/git-sync/revision.ts';
import { ageFile, sealed, sopsFile } from '../../support/sops.ts';

const COMMIT = { sha: 'f'.repeat(40), author: 'A', email: 'a@example.com', subject: 'it', committedAt: new Date(0) };
const PLANTED = 'planted-s3cret';
let [ours, theirs] = ['', ''];
beforeAll(async () => {
  [ours, theirs] = [await generateIdentity(), await generateIdentity()];
});

type Files = Record<string, string | Uint8Array>;
type Variables = Record<string, string>;
const fileOf = (path: string, content: Buffer) => ({ path, id: sha256(content), content });
const snapshotOf = (files: Files) => ({
  commit: COMMIT,
  folders: [{ path: '', files: Object.entries(files).map(([path, text]) => fileOf(path, Buffer.from(text))) }],
});
/** What a sync reads; `decrypts`: by which identities. */
async function read(files: Files, decrypts: readonly string[] | false = [ours], variables?: Variables) {
  const snapshot = snapshotOf(files);
  const decrypter = decrypts && new SnapshotDecrypter({ secret: 'default/age', identities: decrypts });
  const signal = new AbortController().signal;
  const decrypted = decrypter ? await decrypter.decrypt(snapshot, signal) : snapshot;
  const options = { kinds: KINDS, namespace: 'default', variables, secrets: [] };
  const revision = await readRevision(decrypted, KINDS, (file) => readFile(file, options));
  const problems = revision.folders.flatMap((folder) => folder.problems.map(formatProblem));
  expect(problems.join('\n')).not.toContain(PLANTED);
  return { problems, documents: revision.folders.flatMap(({ documents }) => documents.map((d) => d.document)) };
}

const secret = (stringData: Record<string, string>, name = 'db') => ({
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: { name },
  stringData,
});
const inNamespace = (document: ReturnType<typeof secret>) => ({
  ...document,
  metadata: { ...document.metadata, namespace: 'default' },
});
const PARTS = { encryptedRegex: /^(data|stringData)$/ };
const indented = (text: string) => text.trim().replaceAll('\n', '\n    ');

describe('a file that sops has encrypted', () => {
  it.each([
    { how: 'all of it', json: false },
    { how: 'all of it, as JSON', json: true },
    { how: 'by a rule', ...PARTS },
    { how: 'by a rule, with a MAC over the encrypted values alone', ...PARTS, macOnlyEncrypted: true },
  ])('is read as what was encrypted: $how', async ({ how: _, ...form }) => {
    const document = secret({ password: PLANTED, empty: '', lines: 'one\ntwo\n', cost: '${NOT} a variable' });
    const text = await sopsFile([document], { identities: [theirs, ours], ...form });
    const { problems, documents } = await read({ 'db.yaml': text }, [ours], { NOT: 'filled' });
    expect(problems).toEqual([]);
    expect(documents).toEqual([inNamespace(document)]);
  });

  it('has values of each type in each place', async () => {
    const spec = {
      text: 'a',
      int: 42,
      negative: -7,
      float: 1.5,
      small: 1e-7,
      yes: true,
      no: false,
      nothing: null,
      list: ['a', { b: 2 }, ['c']],
    };
    const document = { apiVersion: 'miniaws.dev/v1', kind: 'Instance', metadata: { name: 'i' }, spec };
    for (const json of [false, true]) {
      const text = await sopsFile([document], { identities: [ours], json });
      const { problems, documents } = await read({ 'i.yaml': text });
      expect(problems).toEqual([]);
      expect(documents[0]?.['spec']).toEqual(spec);
    }
  });

  it('may have several documents, beside plain ones and those that sops wrote by another call', async () => {
    const [a, b, c] = ['a', 'b', 'c'].map((name) => secret({ of: `${PLANTED} ${name}` }, name)) as [
      ReturnType<typeof secret>,
      ReturnType<typeof secret>,
      ReturnType<typeof secret>,
    ];
    const plain = JSON.stringify(secret({}, 'plain'));
    const text = `${await sopsFile([a, b], { identities: [ours] })}---\n${plain}\n---\n${await sopsFile([c], { identities: [ours] })}`;
    const { problems, documents } = await read({ 'all.yaml': text });
    expect(problems).toEqual([]);
    expect(documents).toEqual([a, b, secret({}, 'plain'), c].map(inNamespace));
    const stream = await sopsFile([a, b], { identities: [ours], json: true });
    expect((await read({ 'two.json': stream })).documents).toEqual([a, b].map(inNamespace));
    // A document that is taken out is missed.
    const [first = '', , ...rest] = text.split(/^---\n/m);
    const without = await read({ 'all.yaml': [first, ...rest].join('---\n') });
    expect(without.problems).toEqual([expect.stringContaining('does not have the MAC of its values')]);
  });

  it('comes back as it went in', async () => {
    const leaf = fc.oneof(fc.string({ unit: 'grapheme' }), fc.integer(), fc.boolean(), fc.constant(null));
    const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
      tree: fc.oneof(
        { maxDepth: 3 },
        leaf,
        fc.array(tie('tree'), { maxLength: 3 }),
        fc.dictionary(fc.stringMatching(/^[a-z][a-z0-9.:-]{0,6}$/), tie('tree'), { maxKeys: 3 }),
      ),
    }));
    await fc.assert(
      fc.asyncProperty(tree, fc.boolean(), fc.boolean(), async (spec, json, macOnlyEncrypted) => {
        const document = { apiVersion: 'miniaws.dev/v1', kind: 'Instance', metadata: { name: 'i' }, spec };
        const text = await sopsFile([document as never], {
          identities: [ours],
          encryptedRegex: /^spec$/,
          json,
          macOnlyEncrypted,
        });
        const { problems, documents } = await read({ 'i.yaml': text });
        expect(problems).toEqual([]);
        expect(documents[0]?.['spec']).toEqual(spec);
      }),
      { numRuns: 25 },
    );
  });
});

describe('a file that sops has encrypted is refused, with its place', () => {
  const file = (form: object = PARTS, document = secret({ password: PLANTED, user: 'someone' })) =>
    sopsFile([document], { identities: [ours], ...form });

  it('when no identity opens it: its recipients are named', async () => {
    const { problems } = await read({ 'db.yaml': await file() }, [theirs]);
    const recipient = await identityToRecipient(ours);
    expect(problems).toEqual([
      `db.yaml:8:1: the document is encrypted, and no identity of Secret default/age opens it: it is for ${recipient}; add ${await identityToRecipient(theirs)} (sops updatekeys)`,
    ]);
  });

  it.each<[what: string, change: (text: string) => string, place: string, why: string]>([
    [
      'a value was changed',
      (t) => t.replace(/(password: ENC\[AES256_GCM,data:)./, '$1_'),
      '6:13',
      'cannot be decrypted',
    ],
    ['a type was changed', (t) => t.replace(/(password: .*)type:str/, '$1type:int'), '6:13', 'cannot be decrypted'],
    ['a key was changed', (t) => t.replace('password:', 'passwort:'), '6:13', 'cannot be decrypted'],
    [
      'a plain value was changed',
      (t) => t.replace('name: db', 'name: da'),
      '8:1',
      'does not have the MAC of its values',
    ],
    ['a value was taken out', (t) => t.replace(/ {2}user: .*\n/, ''), '7:1', 'does not have the MAC of its values'],
    ['a value was added', (t) => t.replace('name: db', 'name: db\n  namespace: x'), '9:1', 'does not have the MAC'],
    ['it has no MAC', (t) => t.replace(/mac: ENC.*/, 'mac: ""'), '8:1', 'it has no MAC'],
    ['its MAC is gone', (t) => t.replace(/ {2}mac: ENC.*\n/, ''), '8:1', 'it has no MAC'],
    ['it has an alias', (t) => t.replace(/user: .*/, 'user: &a x\n  other: *a'), '8:10', 'no alias'],
    [
      'it is for no age recipient',
      (t) => t.replace(/age:[^]*lastmodified/, 'pgp: [{fp: A}]\n  lastmodified'),
      '8:1',
      'encrypted for pgp',
    ],
    ['its key is split', (t) => t.replace('  age:', '  key_groups: [{}, {}]\n  age:'), '8:1', 'split between 2 groups'],
  ])('when %s', async (_, change, place, why) => {
    const { problems, documents } = await read({ 'db.yaml': change(await file()) });
    expect(problems).toEqual([expect.stringContaining(why)]);
    expect(problems[0]).toMatch(new RegExp(`^db.yaml:${place}: `));
    expect(documents).toEqual([]);
  });

  it('when a value stands where another one with that key was', async () => {
    const text = await file();
    const [moved] = /ENC\[.*\]/.exec(text) ?? [];
    const { problems } = await read({ 'db.yaml': text.replace('name: db', `name: ${moved}`) });
    expect(problems).toEqual([expect.stringMatching(/^db.yaml:4:9: the value cannot be decrypted/)]);
  });

  it('when it has a value of no `sops`', async () => {
    const value = sealed('x', 'str', Buffer.alloc(32), 'stringData:a:');
    const { problems } = await read({ 'db.yaml': JSON.stringify(secret({ a: value })) });
    expect(problems).toEqual([expect.stringContaining('its document does not say by which key (sops)')]);
  });

  it('where what admission has against it stands in the encrypted file', async () => {
    const document = { apiVersion: 'v1', kind: PLANTED, metadata: { name: 'db' }, stringData: { a: 'b' } };
    const text = await sopsFile([document], { identities: [ours] });
    const { problems } = await read({ 'db.yaml': text });
    expect(problems).toEqual([expect.stringMatching(/^db.yaml:2:7: kind: .*\*\*\*/)]);
  });
});

describe('what age has encrypted', () => {
  it('is read in place of a value, anywhere', async () => {
    const value = await ageFile(PLANTED, [theirs, ours]);
    const text = `apiVersion: v1\nkind: Secret\nmetadata: {name: "\${NAME}"}\nstringData:\n  a: |\n    ${indented(value)}\n  b: ${JSON.stringify(value)}\n`;
    const { problems, documents } = await read({ 'db.yaml': text }, [ours], { NAME: 'a-longer-name' });
    expect(problems).toEqual([]);
    expect(documents).toEqual([inNamespace(secret({ a: PLANTED, b: PLANTED }, 'a-longer-name'))]);
    const unquoted = await read({ 'db.yaml': text.replaceAll('"${NAME}"', '${NAME}') }, [ours], { NAME: 'x' });
    expect(unquoted.problems[0]).toMatch(/^db.yaml:3:.*: quote them/);
  });

  it('is read as a whole file, armored or binary, as it is', async () => {
    const armored = await ageFile(JSON.stringify(secret({ a: '${PLAIN}' })), [ours]);
    for (const content of [armored, armor.decode(armored)]) {
      const { problems, documents } = await read({ 'db.yaml.age': content }, [ours], { PLAIN: 'filled' });
      expect(problems).toEqual([]);
      expect(documents).toEqual([inNamespace(secret({ a: '${PLAIN}' }))]);
    }
  });

  it('is told of without its plain text', async () => {
    const whole = async (plain: string) => (await read({ 'a.yaml.age': await ageFile(plain, [ours]) })).problems;
    const bad = await whole(`a: b\n  ${PLANTED}: "x`);
    expect(new Set(bad.map((problem) => problem.replace(/:\d+:\d+:/, '')))).toEqual(
      new Set(['a.yaml.age its plain text is no good YAML or JSON here']),
    );
    expect(await whole(`apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringData: {a: *${PLANTED}}\n`)).toEqual([
      expect.stringContaining('***'),
    ]);
  });

  it('is refused when it is for others, damaged, or with a passphrase', async () => {
    const at = (value: string) => JSON.stringify(secret({ a: value }));
    const value = await ageFile(PLANTED, [theirs]);
    const forOthers = await read({ 'a.yaml': at(value), 'b.yaml.age': value });
    const recipient = await identityToRecipient(ours);
    const why = `and no identity of Secret default/age opens it: it has 1 recipient; encrypt it for ${recipient} too`;
    expect(forOthers.problems).toEqual([
      `a.yaml:1:79: the value is encrypted, ${why}`,
      `b.yaml.age:1:1: the file is encrypted, ${why}`,
    ]);
    const damaged = (await ageFile(PLANTED, [ours])).replace(/.{8}\n-----END/, 'AAAAAAAA\n-----END');
    expect((await read({ 'a.yaml': at(damaged) })).problems).toEqual([expect.stringContaining('cut off or changed')]);
    const header = 'age-encryption.org/v1\n-> scrypt bm90IGEgc2FsdCBhdCBhbGw 30\nAAAA\n--- AAAA\n';
    expect((await read({ 'a.yaml.age': header })).problems).toEqual([expect.stringContaining('with a passphrase')]);
    const many = `age-encryption.org/v1\n${'-> X25519 AAAA\nAAAA\n'.repeat(40)}--- AAAA\n`;
    expect((await read({ 'a.yaml.age': many })).problems).toEqual([expect.stringContaining('at most 32 are tried')]);
    expect((await read({ 'a.yaml.age': at('x') })).problems).toEqual([expect.stringContaining('not encrypted by age')]);
  });
});

describe('a sync that decrypts nothing', () => {
  it.each([
    [
      'a document of sops',
      'db.yaml:6:1: the document is encrypted by sops',
      () => sopsFile([secret({})], { identities: [ours] }),
    ],
    [
      'a value of age',
      'db.yaml:1:79: the value is encrypted',
      async () => JSON.stringify(secret({ a: await ageFile('x', [ours]) })),
    ],
    ['a file of age', 'db.yaml:1:1: the file is encrypted by age', () => ageFile('x', [ours])],
  ])('refuses %s, and says what to do', async (_, what, text) => {
    const { problems, documents } = await read({ 'db.yaml': await text() }, false);
    expect(problems).toEqual([`${what}: name the Secret with its age identity in spec.decrypt`]);
    expect(documents).toEqual([]);
  });
});

it('a file that did not change is decrypted once', async () => {
  const decrypter = new SnapshotDecrypter({ secret: 'default/age', identities: [ours] });
  const signal = new AbortController().signal;
  const files = { 'a.yaml': await sopsFile([secret({ a: PLANTED })], { identities: [ours] }) };
  const one = await decrypter.decrypt(snapshotOf(files), signal);
  const two = await decrypter.decrypt(snapshotOf({ ...files, 'b.yaml': 'a: b' }), signal);
  expect(two.folders[0]?.files[0]).toBe(one.folders[0]?.files[0]);
});
