import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fill, namesIn } from '../../../src/kinds/instance/config/template.ts';
import { changedFields, specHash } from '../../../src/kinds/instance/spec-hash.ts';
import type { Resource } from '../../../src/api/metadata.ts';
import { KINDS } from '../../../src/kinds/index.ts';
import { Mirror } from '../../../src/store/mirror.ts';
import { configOf, instance } from './support.ts';
import { refusalOf } from '../../support/refusal.ts';

const b64 = (text: string | Buffer) => Buffer.from(text).toString('base64');
const document = (kind: string, name: string, content: object): Resource =>
  ({
    apiVersion: 'v1',
    kind,
    metadata: { name, namespace: 'default', uid: name, generation: 1, resourceVersion: '1', creationTimestamp: '' },
    ...content,
  }) as unknown as Resource;

const view = new Mirror(KINDS);
view.set(
  document('ConfigMap', 'app', {
    data: { 'app.conf': 'port ${env.PORT}', PORT: '80', LEVEL: 'info' },
    binaryData: { 'logo.png': b64(Buffer.from([0xff, 0])) },
  }),
);
view.set(document('Secret', 'db', { data: { PASSWORD: b64('hunter2'), HOST: b64('db') } }));

const given = (spec: object) => configOf(instance(spec), view);
const filesOf = (files: object[], more: object = {}) =>
  given({ files, ...more }).files.map(({ path, content, mode, uid, gid }) => [
    path,
    String(content),
    mode.toString(8),
    uid,
    gid,
  ]);

describe('what an instance is given', () => {
  it('env counts before envFrom, later before earlier; text stays text', () => {
    const { env, items, missing } = given({
      env: { LEVEL: '$debug ${name}', DB: { valueFrom: { secret: 'db', key: 'PASSWORD' } } },
      envFrom: [{ configMap: 'app' }, { secret: 'db', prefix: 'DB_' }, { configMap: 'gone', optional: true }],
    });
    expect(env).toEqual({
      LEVEL: '$debug ${name}',
      DB: 'hunter2',
      DB_PASSWORD: 'hunter2',
      DB_HOST: 'db',
      PORT: '80',
      'app.conf': 'port ${env.PORT}',
    });
    expect(missing).toEqual([]);
    expect(Object.keys(items).sort()).toEqual([
      'ConfigMap app PORT env:PORT',
      'ConfigMap app app.conf env:app.conf',
      'Secret db HOST env:DB_HOST',
      'Secret db PASSWORD env:DB',
      'Secret db PASSWORD env:DB_PASSWORD',
    ]);
    expect(JSON.stringify(items)).not.toContain('hunter2');
  });

  it('a file each: of a key, of every key, of the specification itself', () => {
    const files = [
      { path: '/a', configMap: 'app', key: 'PORT' },
      { path: '/s', secret: 'db', mode: '0640', uid: 7, gid: 8 },
      { path: '/c', content: '$$ ${x}' },
    ];
    expect(filesOf(files, { user: '1000:1001' })).toEqual([
      ['/a', '80', '444', 1000, 1001],
      ['/s/HOST', 'db', '640', 7, 8],
      ['/s/PASSWORD', 'hunter2', '640', 7, 8],
      ['/c', '$$ ${x}', '444', 1000, 1001],
    ]);
    expect(filesOf([{ path: '/a', secret: 'db', key: 'HOST' }], { user: 'nginx' })).toEqual([
      ['/a', 'db', '400', 0, 0],
    ]);
  });

  it('a template is filled from its own fields and its variables, and is as secret as they are', () => {
    const env = { PORT: '81', P: { valueFrom: { secret: 'db', key: 'PASSWORD' } } };
    const template = (content: string) => filesOf([{ path: '/t', content, template: true }], { env })[0];
    expect(template('${name}.${namespace} ${address} $${name} $ ${env.PORT}')).toEqual([
      '/t',
      'web.default 10.1.0.9 ${name} $ 81',
      '444',
      0,
      0,
    ]);
    expect(template('${env.P}')).toEqual(['/t', 'hunter2', '400', 0, 0]);
    expect(filesOf([{ path: '/t', configMap: 'app', key: 'app.conf', template: true }], { env })[0]?.[1]).toBe(
      'port 81',
    );
  });

  it.each<[string, object, string]>([
    ['a map', { envFrom: [{ configMap: 'gone' }] }, 'ConfigMap default/gone is not there: create it'],
    [
      'a key',
      { files: [{ path: '/a', configMap: 'app', key: 'nginx.conf' }] },
      'ConfigMap default/app has no key nginx.conf: add it',
    ],
    [
      'text, for a variable',
      { env: { A: { valueFrom: { configMap: 'app', key: 'logo.png' } } } },
      'key logo.png of ConfigMap default/app is not text, and cannot be a variable: give it as a file',
    ],
    [
      'text, for a template',
      { files: [{ path: '/a', configMap: 'app', key: 'logo.png', template: true }] },
      'file /a is a template, and its content is not text: take template away, or give it text',
    ],
    [
      'a variable of a template',
      { files: [{ path: '/a', configMap: 'app', key: 'app.conf', template: true }] },
      'file /a has ${env.PORT}, which it is not given: give it, or write $${ where no reference is meant',
    ],
    [
      'room',
      { files: [{ path: '/a', content: '${env.L}'.repeat(100_000), template: true }], env: { L: 'x'.repeat(100_000) } },
      'file /a would be larger than 1 MiB; make it smaller',
    ],
  ])('what is missing is named: %s', (_, spec, words) => {
    expect(given(spec).missing).toEqual([words]);
  });

  it('what may be missing is left out', () => {
    const env = { A: { valueFrom: { configMap: 'gone', key: 'a', optional: true } } };
    const { missing, items } = given({ env, files: [{ path: '/a', configMap: 'app', key: 'no', optional: true }] });
    expect({ missing, items }).toEqual({ missing: [], items: {} });
  });
});

describe('templates', () => {
  it('without references nothing changes; what is given comes in as it is, and is no template again', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (text, value) => {
        const plain = text.replaceAll('${', '');
        expect(fill(plain, () => 'never')).toBe(plain);
        expect(fill(`a\${x}${plain}`, () => value)).toBe(`a${value}${plain}`);
      }),
    );
  });

  it.each<[string, (string | undefined)[]]>([
    ['$ $x $$ {}', []],
    ['${a}${env.B}', ['a', 'env.B']],
    ['${a', [undefined]],
    ['${a ${b}', [undefined, 'b']],
    ['$${a} $$${b}', []],
  ])('%s refers to %j', (text, names) => {
    expect(namesIn(text)).toEqual(names);
  });
});

describe('the specification’s hash', () => {
  const from = { valueFrom: { configMap: 'app', key: 'a' } };
  it.each<[string, object, object, string[]]>([
    ['nothing', {}, { env: {}, envFrom: [], files: [] }, []],
    ['the source of a variable', { env: { A: from } }, { env: { A: '1' } }, ['env']],
    [
      'what follows a change',
      { env: { A: from }, files: [{ path: '/a', content: '' }] },
      {
        env: { A: { valueFrom: { ...from.valueFrom, onChange: 'Ignore', optional: true } } },
        files: [{ path: '/a', content: '', onChange: { signal: 'HUP' } }],
      },
      [],
    ],
    ['content', { files: [{ path: '/a', content: 'x' }] }, { files: [{ path: '/a', content: 'y' }] }, []],
    [
      'mode',
      { files: [{ path: '/a', content: 'x' }] },
      { files: [{ path: '/a', content: 'x', mode: '600' }] },
      ['files'],
    ],
  ])('%s', (_, before, after, fields) => {
    expect(changedFields(specHash(instance(before).spec), specHash(instance(after).spec))).toEqual(fields);
  });
});

describe('admission refuses', () => {
  const file = (over: object) => ({ files: [{ path: '/a', content: 'x', ...over }] });
  it.each<[object, string, RegExp]>([
    [{ env: { A: { valueFrom: { key: 'a' } } } }, 'spec.env.A.valueFrom', /exactly one of configMap and secret/],
    [{ env: { A: { valueFrom: { configMap: 'a' } } } }, 'spec.env.A.valueFrom.key', /is required/],
    [
      { env: { A: { valueFrom: { configMap: 'a', key: 'b', onChange: 'Restart' } } } },
      'spec.env.A.valueFrom.onChange',
      /when its container is made/,
    ],
    [
      { env: { A: { valueFrom: { secretKeyRef: {}, key: 'a' } } } },
      'spec.env.A.valueFrom.secretKeyRef',
      /write secret/,
    ],
    [{ env: { A: 1 } }, 'spec.env.A', /a string/],
    [{ envFrom: [{ configMap: 'a', secret: 'b' }] }, 'spec.envFrom[0]', /configMap and secret are given/],
    [file({ secret: 'b' }), 'spec.files[0]', /secret and content are given/],
    [file({ key: 'b' }), 'spec.files[0].key', /leave it out/],
    [file({ path: 'a' }), 'spec.files[0].path', /absolute path/],
    [file({ path: '/a/../b' }), 'spec.files[0].path', /"\/b"/],
    [file({ path: '/etc/hosts' }), 'spec.files[0].path', /extraHosts/],
    [file({ path: '/proc/x' }), 'spec.files[0].path', /\/proc/],
    [{ ...file({ path: '/d/x' }), volumes: [{ name: 'd', mountPath: '/d' }] }, 'spec.files[0].path', /volumes\[0\]/],
    [{ ...file({ path: '/d/x' }), tmpfs: [{ mountPath: '/d' }] }, 'spec.files[0].path', /tmpfs\[0\]/],
    [
      {
        files: [
          { path: '/a', content: '' },
          { path: '/a', content: '' },
        ],
      },
      'spec.files[1].path',
      /files\[0\]/,
    ],
    [
      {
        files: [
          { path: '/a', content: '' },
          { path: '/a/b', content: '' },
        ],
      },
      'spec.files[1].path',
      /files\[0\]/,
    ],
    [{ ...file({}), readOnlyRootFilesystem: true }, 'spec.files', /readOnlyRootFilesystem/],
    [file({ mode: '4755' }), 'spec.files[0].mode', /permissions/],
    [file({ onChange: 'Reload' }), 'spec.files[0].onChange', /expected one of Recreate/],
    [file({ onChange: { signal: 'KILL' } }), 'spec.files[0].onChange.signal', /HUP/],
    [file({ content: '${pid}', template: true }), 'spec.files[0].content', /none of name, namespace/],
    [file({ content: '${slot}', template: true }), 'spec.files[0].content', /web has none/],
    [file({ content: '${env.A}', template: true }), 'spec.files[0].content', /no variable of env/],
    [file({ content: '${a', template: true }), 'spec.files[0].content', /no end/],
  ])('%j', (spec, field, words) => {
    const causes = refusalOf(() => instance(spec))?.causes ?? [];
    expect(causes.map((cause) => cause.field)).toEqual([field]);
    expect(causes[0]?.message).toMatch(words);
  });
});
