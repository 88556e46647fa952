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

  it('an empty file has no documents and no problems', () => {
    expect(load('# nothing\n---\n', 'a.yaml')).toEqual({ documents: [], problems: [] });
  });
});
