import { describe, expect, it } from 'vitest';
import { formatProblem, load } from '../../src/admission/load.ts';

const problems = (text: string) => load(text, 'a.yaml').problems.map(formatProblem);

describe('load: documents with their places (I13)', () => {
  const text = [
    'apiVersion: miniaws.dev/v1',
    'kind: Instance',
    'metadata:',
    '  name: web',
    'spec:',
    '  image: x',
    '  ports:',
    '    - "80"',
    '    - "bad"',
    '---',
    '{"kind": "VPC", "metadata": {"name": "main"}}',
  ].join('\n');

  it('reads YAML and JSON, several documents a file, and says where each field stands', () => {
    const { documents } = load(text, 'a.yaml');
    expect(documents.map((d) => d.document['kind'])).toEqual(['Instance', 'VPC']);
    const place = (field: string) => documents[0]?.locate(field);
    expect(place('spec.ports[1]')).toEqual({ line: 9, column: 7 });
    expect(place('metadata.name')).toEqual({ line: 4, column: 9 });
    expect(documents[0]?.locate('metadata.name', 'key')).toEqual({ line: 4, column: 3 });
    expect(place('spec')).toEqual({ line: 5, column: 1 });
    expect(place('spec.missing.deep')).toEqual({ line: 5, column: 1 });
    expect(documents[1]?.locate('metadata.name')).toEqual({ line: 11, column: 38 });
  });

  it('reads what kubectl get -o yaml prints', () => {
    const { documents } = load('kind: List\nitems:\n- kind: VPC\n  metadata: {name: a}\n', 'l.yaml');
    expect(documents).toHaveLength(1);
    expect(documents[0]?.locate('metadata.name')).toEqual({ line: 4, column: 20 });
  });

  it.each([
    ['malformed YAML', 'a: [1, 2\nb: 3', /^a\.yaml:\d+:\d+: /],
    ['a key given twice', 'kind: VPC\nkind: VPC\n', /^a\.yaml:2:1: Map keys must be unique/],
    ['a document that is a list', '- 1\n- 2\n', /^a\.yaml:1:1: expected a document/],
    [
      'one object twice',
      'kind: VPC\nmetadata: {name: a}\n---\nkind: VPC\nmetadata: {name: a}\n',
      /^a\.yaml:5:18: metadata\.name: VPC default\/a is already at line 2/,
    ],
  ])('%s is told with its place', (_what, source, expected) => {
    expect(problems(source)[0]).toMatch(expected);
  });

  it('alias bombs are refused', () => {
    const bomb = [
      'a: &a [x,x,x,x,x,x,x,x,x,x]',
      ...'bcdefgh'.split('').map((k, i) => `${k}: &${k} [${Array(10).fill(`*${'abcdefgh'[i]}`).join(',')}]`),
    ].join('\n');
    expect(problems(bomb)[0]).toMatch(/^a\.yaml:1:1: .*alias/i);
  });

  it('a file over 1 MiB is refused before it is parsed', () => {
    expect(problems(`a: ${'x'.repeat(1 << 20)}`)[0]).toMatch(/at most 1048576 are read/);
  });

  it('reads merge keys, and says where what they bring in stands', () => {
    const { documents, problems: none } = load(
      [
        'x-base: &base',
        '  image: nginx',
        '  env: {A: "1"}',
        'kind: Instance',
        'metadata: {name: web}',
        'spec:',
        '  <<: *base',
        '  vpc: main',
        '---',
        'x-only: {anchors: &a 1}',
      ].join('\n'),
      'a.yaml',
    );
    expect(none).toEqual([]);
    expect(documents.map((d) => d.document)).toEqual([
      { kind: 'Instance', metadata: { name: 'web' }, spec: { image: 'nginx', env: { A: '1' }, vpc: 'main' } },
    ]);
    expect(documents[0]?.locate('spec.env.A')).toEqual({ line: 3, column: 12 });
    expect(documents[0]?.locate('spec.vpc')).toEqual({ line: 8, column: 8 });
  });

  it('merges the first of several, and what the map says itself counts more', () => {
    const { documents } = load('kind: X\na: &a {p: 1, q: 1}\nb: &b {q: 2, r: 2}\nc: {<<: [*a, *b], r: 3}\n', 'a.yaml');
    expect(documents[0]?.document['c']).toEqual({ p: 1, q: 1, r: 3 });
  });

  it('merges that come to too much, or to themselves, are refused', () => {
    const bomb = [
      'a: &a {x: 1, y: 2}',
      ...Array.from(
        { length: 30 },
        (_, i) => `l${i}: &l${i} {p: {<<: *${i ? `l${i - 1}` : 'a'}}, q: {<<: *${i ? `l${i - 1}` : 'a'}}}`,
      ),
    ].join('\n');
    expect(problems(bomb)).toEqual(['a.yaml:1:1: its aliases come to more than 500000 values: write them out']);
    expect(problems('a: &a\n  <<: *a\n')).toEqual([
      'a.yaml:1:1: its aliases come to more than 500000 values: write them out',
    ]);
  });

  it('reads lists of one kind, and tells of one without items', () => {
    expect(load('kind: VPCList\nitems: [{kind: VPC}]', 'a.yaml').documents).toHaveLength(1);
    expect(problems('kind: List\nitems: 5\n')).toEqual(['a.yaml:2:8: items: expected a list of documents']);
  });

  it('reads a stream of JSON documents, each with its places', () => {
    const text = '{"kind":"VPC","metadata":{"name":"a}"}}\n{"kind":"VPC","metadata":{"name":"b\\""}}\n';
    const { documents, problems: none } = load(text, 'a.json');
    expect(none).toEqual([]);
    expect(documents.map((d) => (d.document['metadata'] as { name: string }).name)).toEqual(['a}', 'b"']);
    expect(documents[1]?.locate('metadata.name')).toEqual({ line: 2, column: 34 });
  });

  it('a number that is none is refused at its place, with its field', () => {
    expect(problems('kind: X\nspec:\n  cpus: .nan\n')).toEqual([
      'a.yaml:3:9: spec.cpus: expected a number, found one that is none',
    ]);
    expect(problems('kind: X\nspec: {l: [1, -.inf]}\n')[0]).toMatch(/^a\.yaml:2:15: spec\.l\[1\]: /);
  });

  it('an empty file has no documents and no problems', () => {
    expect(load('# nothing\n---\n', 'a.yaml')).toEqual({ documents: [], problems: [] });
  });
});
