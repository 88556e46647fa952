import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import fc from 'fast-check';
import { createColors } from 'picocolors';
import { describe, expect, test } from 'vitest';
import { Command } from 'commander';
import { addClientCommands, separated } from '../../src/cli/program.ts';
import { processIo } from '../../src/cli/io.ts';
import { COMMANDS, KINDS } from '../../src/kinds/index.ts';
import { formatProblem } from '../../src/admission/load.ts';
import { mergePatch } from '../../src/admission/fields/patch.ts';
import type { LogEntry } from '../../src/api/records.ts';
import { connectionOf } from '../../src/cli/kubeconfig.ts';
import { colorsFor, printable } from '../../src/cli/io.ts';
import { jsonPath } from '../../src/cli/jsonpath.ts';
import { loadManifests } from '../../src/cli/manifests.ts';
import { mergePatchOf } from '../../src/cli/merge-patch.ts';
import { readSources } from '../../src/cli/sources.ts';
import { Columns } from '../../src/cli/table.ts';
import { targetsOf } from '../../src/cli/targets.ts';
import { chainOf, linkLines } from '../../src/cli/why.ts';
import { filesOf } from './support.ts';

const plain = createColors(false);

test('a merge patch of two documents makes the second of the first', () => {
  const leaf = fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.array(fc.integer(), { maxLength: 3 }));
  const key = fc.constantFrom('a', 'b', 'c', 'd.e/f');
  const { node } = fc.letrec((tie) => ({
    node: fc.dictionary(key, fc.oneof(leaf, tie('node')), { maxKeys: 4 }),
  }));
  fc.assert(
    fc.property(node, node, (before, after) => {
      const patch = mergePatchOf(before, after) ?? {};
      expect(mergePatch(before as object, patch)).toEqual(after);
    }),
  );
});

test('jsonpath finds what kubectl finds', () => {
  const document = {
    status: {
      phase: 'Running',
      conditions: [
        { type: 'Ready', status: 'True' },
        { type: 'Degraded', status: 'False' },
      ],
    },
    metadata: { labels: { 'a.b/c': 'd' } },
  };
  const find = (path: string) => jsonPath(path)(document);
  expect(find('{.status.phase}')).toEqual(['Running']);
  expect(find('.status.conditions[?(@.type=="Ready")].status')).toEqual(['True']);
  expect(find('{.status.conditions[*].type}')).toEqual(['Ready', 'Degraded']);
  expect(find('{.status.conditions[-1].type}')).toEqual(['Degraded']);
  expect(find("{.metadata.labels['a.b/c']}")).toEqual(['d']);
  expect(find('{.nothing.here}')).toEqual([]);
  expect(() => find('{.status[}')).toThrow('cannot read "[');
});

describe('kubeconfig', () => {
  const config = (server: string) =>
    `current-context: a\nclusters: [{name: c, cluster: {server: "${server}", certificate-authority: ca.pem}}]\nusers: [{name: u, user: {token: t}}]\ncontexts: [{name: a, context: {cluster: c, user: u, namespace: prod}}]\n`;

  test('the flag, else the first of KUBECONFIG that exists, else the data folder; files beside it are found', async () => {
    const folder = await filesOf({ one: config('https://one'), two: config('https://two'), 'ca.pem': 'PEM' });
    const [one, two] = [join(folder, 'one'), join(folder, 'two')];
    const env = { KUBECONFIG: `${folder}/none:${two}` };
    expect(connectionOf({ kubeconfig: one }, env, '/none').server).toBe('https://one');
    expect(connectionOf({}, env, one)).toEqual({ server: 'https://two', ca: 'PEM', token: 't', namespace: 'prod' });
    expect(connectionOf({}, {}, one).server).toBe('https://one');
  });

  test('what is wrong with it is said with its path, and the key goes nowhere without https', async () => {
    const folder = await filesOf({ plain: config('http://one'), bad: 'a: [', 'ca.pem': '' });
    const read = (name: string, context?: string) => () =>
      connectionOf({ kubeconfig: join(folder, name), ...(context ? { context } : {}) }, {}, '');
    expect(read('plain')).toThrow('https only');
    expect(read('bad')).toThrow(/bad is no kubeconfig/);
    expect(read('plain', 'b')).toThrow('has no context "b"');
    expect(read('missing')).toThrow(/no kubeconfig at .*missing/);
  });
});

test('objects by the forms that kubectl takes', () => {
  const named = (...words: string[]) => targetsOf(KINDS, words).map(({ kind, names }) => [kind.kind, names]);
  expect(named('vpcs')).toEqual([['VPC', undefined]]);
  expect(named('inst', 'a', 'b')).toEqual([['Instance', ['a', 'b']]]);
  expect(named('vpc/a', 'instance.miniaws.dev/b', 'VPC/c')).toEqual([
    ['VPC', ['a', 'c']],
    ['Instance', ['b']],
  ]);
  expect(named('vpc,instances')).toEqual([
    ['VPC', undefined],
    ['Instance', undefined],
  ]);
  expect(named('all')).toEqual([
    ['Bucket', undefined],
    ['VPC', undefined],
    ['Instance', undefined],
    ['ScalingGroup', undefined],
    ['LoadBalancer', undefined],
  ]);
  expect(() => named('instnces')).toThrow('did you mean "instances"?');
  expect(() => named('vpc/a', 'b')).toThrow('"b" is not KIND/NAME');
});

test('columns stay aligned when a watch adds wider rows, and text cannot drive the terminal', () => {
  const columns = new Columns();
  expect(
    columns.lines([
      ['NAME', 'X'],
      ['a', 'b'],
    ]),
  ).toEqual(['NAME   X', 'a      b']);
  expect(columns.lines([['longer-name', 'c']])).toEqual(['longer-name   c']);
  expect(columns.lines([['a', 'd']])).toEqual(['a             d']);
  expect(printable('a\u001b[2Jb\n')).toBe('a\uFFFD[2Jb\n');
});

test('colour only on a terminal, and not where NO_COLOR says so', () => {
  const terminal = Object.assign(new PassThrough(), { isTTY: true });
  const on = (env: NodeJS.ProcessEnv, wanted: boolean) => colorsFor(terminal, env, wanted).red('x') !== 'x';
  expect([on({}, true), on({ NO_COLOR: '1' }, true), on({ TERM: 'dumb' }, true), on({}, false)]).toEqual([
    true,
    false,
    false,
    false,
  ]);
});

describe('sources', () => {
  const read = (paths: string[], recursive = false, stdin = '') =>
    readSources(paths, { recursive, stdin: Readable.from([Buffer.from(stdin)]), signal: new AbortController().signal });

  test('a folder gives its manifests sorted, stdin is named, what cannot be read is a problem', async () => {
    const folder = await filesOf({ 'b.yml': 'b', 'a.yaml': 'a', 'c.json': '{}', 'notes.txt': 'no' });
    const { sources, problems } = await read([folder, '-', join(folder, 'gone.yaml')], false, 'from stdin');
    expect(sources.map(({ text }) => text)).toEqual(['a', 'b', '{}', 'from stdin']);
    expect(problems).toEqual([{ file: join(folder, 'gone.yaml'), message: 'no such file or folder' }]);
  });

  test('a link that leads nowhere is named, and the other files are read', async () => {
    const folder = await filesOf({ 'a.yaml': 'a' });
    await symlink('../nowhere.yaml', join(folder, 'link.yaml'));
    const { sources, problems } = await read([folder]);
    expect(sources.map(({ text }) => text)).toEqual(['a']);
    const message = 'it is a link to ../nowhere.yaml, which does not exist';
    expect(problems).toEqual([{ file: join(folder, 'link.yaml'), message }]);
  });

  test('more than 1 MiB is refused without being read to the end (I13)', async () => {
    const folder = await filesOf({ 'big.yaml': 'x'.repeat((1 << 20) + 1) });
    expect((await read([join(folder, 'big.yaml')])).problems[0]?.message).toContain('Split it');
    expect((await read(['-'], false, 'y'.repeat((1 << 20) + 1))).problems[0]?.message).toContain('Split it');
  });
});

test('documents of one object in two files, and of another namespace than the flag says, are refused (I13)', () => {
  const text = 'apiVersion: miniaws.dev/v1\nkind: VPC\nmetadata: {name: a}\nspec: {}\n';
  const sources = [
    { file: 'a.yaml', text },
    { file: 'b.yaml', text },
    { file: 'c.yaml', text: text.replace('name: a', 'name: c, namespace: other') },
    { file: 'd.yaml', text: text.replace('VPC', 'VCP') },
  ];
  const { problems } = loadManifests(KINDS, sources, { namespace: 'default', explicit: true });
  expect(problems.map(({ file, message }) => [file, message])).toEqual([
    ['c.yaml', 'the document is of namespace "other", and --namespace says default'],
    ['d.yaml', 'no kind "VCP" is known; did you mean "VPC"?'],
    ['b.yaml', 'VPC default/a is already in a.yaml:3'],
  ]);
});

test('a file beside its manifest becomes the content of an object, and no other file does (I13)', async () => {
  const outside = await filesOf({ secret: 'of somebody else' });
  const folder = join(outside, 'manifests');
  await mkdir(folder);
  await writeFile(join(folder, 'page.html'), '<h1>Hello</h1>');
  await writeFile(join(folder, 'big.bin'), Buffer.alloc((1 << 20) + 1));
  await writeFile(join(folder, 'logo.png'), Buffer.from([0x89, 0x50, 0x00, 0xff]));
  await symlink(join(outside, 'secret'), join(folder, 'link'));
  const loaded = (file: string, place: string | undefined = folder) => {
    const text = `apiVersion: miniaws.dev/v1
kind: Object
metadata: {name: page}
spec: {bucket: files, key: k, contentFrom: {file: ${file}}}
`;
    const source = { file: 'page.yaml', text, ...(place !== '' && { folder: place }) };
    const { manifests, problems } = loadManifests(KINDS, [source], { namespace: 'default', explicit: false });
    return problems.map(formatProblem).join() || manifests[0]?.document['spec'];
  };
  expect(loaded('page.html')).toEqual({ bucket: 'files', key: 'k', content: '<h1>Hello</h1>' });
  expect(loaded('./logo.png')).toEqual({ bucket: 'files', key: 'k', contentBase64: 'iVAA/w==' });
  const at = 'page.yaml:4:51: spec.contentFrom.file: ';
  expect(loaded('none')).toBe(`${at}there is no file ${join(folder, 'none')}`);
  expect(loaded('big.bin')).toBe(`${at}"big.bin" has more than 1048576 bytes, the most that fits`);
  expect(loaded('.')).toContain('is not in the folder of the manifest, or below it');
  for (const path of ['../secret', 'link'])
    expect(loaded(path)).toBe(`${at}"${path}" is not in the folder of the manifest, or below it`);
  expect(loaded('page.html', '')).toBe(`${at}the manifest is no file of this machine: give the content itself`);
});

test('why goes back to the change that began it, and not into the life of a former object of the name', () => {
  const entry = (id: string, type: LogEntry['trigger']['type'], uid = 'u'): LogEntry => ({
    id,
    kind: 'Instance',
    namespace: 'default',
    name: 'web',
    uid,
    generation: 1,
    trigger: { type, detail: `${type} ${id}` },
    difference: ['no container'],
    steps: [{ step: 'pull image', milliseconds: 1200, result: 'failed', error: 'no such image' }],
    outcome: 'retrying',
    reason: 'ImageUnavailable',
    message: 'no such image',
    attempts: 1,
    startedAt: '2026-01-01T00:00:00Z',
    endedAt: '2026-01-01T00:00:01Z',
    nextAttemptAt: '2026-01-01T00:00:11Z',
  });
  const entries = [entry('0', 'spec', 'former'), entry('1', 'spec'), entry('2', 'spec'), entry('3', 'retry')];
  expect(chainOf(entries, 'u').map(({ id }) => id)).toEqual(['3', '2']);
  expect(linkLines(entry('3', 'retry'), 0, new Date('2026-01-01T00:00:06Z'), plain)).toEqual([
    'The last pass, 5s ago (2026-01-01T00:00:01Z), ran because of retry: retry 3',
    '  it found: no container',
    '  it did: failed pull image (1.2s): no such image',
    '  it ended retrying: ImageUnavailable: no such image',
    '  the next attempt is in 5.0s (2026-01-01T00:00:11Z)',
  ]);
});

test.each([
  ['exec web ls -la', 'exec web -- ls -la'],
  ['-n team exec -it web sh -c x', '-n team exec -it web -- sh -c x'],
  ['exec -n team web -- ls -la', 'exec -n team web -- ls -la'],
  ['exec web', 'exec web'],
  ['get instances web -o yaml', 'get instances web -o yaml'],
  ['--context exec get instances web', '--context exec get instances web'],
])('"%s" is understood as "%s"', (words, expected) => {
  const program = new Command('miniaws');
  addClientCommands(program, { io: processIo, kinds: KINDS, defaultKubeconfig: () => '', version: '0' }, COMMANDS);
  expect(separated(program, COMMANDS, words.split(' ')).join(' ')).toBe(expected);
});
