import { describe, expect, it } from 'vitest';
import { create, patch } from '../../../src/admission/operations.ts';
import { KINDS } from '../../../src/kinds/index.ts';
import { settings } from '../../../src/proof/person.ts';
import { Mirror } from '../../../src/store/mirror.ts';
import { causesOf } from '../../support/refusal.ts';

const kind = KINDS.must('GitSync');
const guarded = { ...settings, hostPaths: { allowed: [], guarded: ['/var/lib/miniaws'] } };
const context = () => ({
  settings: guarded,
  now: new Date('2026-01-01T00:00:00Z'),
  fieldValidation: 'Strict' as const,
  warnings: [],
  manager: 'test',
});
const created = (spec: object, view = new Mirror(KINDS), name = 'app') =>
  create(kind, { apiVersion: 'miniaws.dev/v1', kind: 'GitSync', metadata: { name }, spec }, view, context());
const url = 'https://git.example/app.git';

describe('a GitSync', () => {
  it.each(['https://git.example/app.git', 'ssh://git@host:2222/app.git', 'git@host:team/app.git', 'file:///srv/app'])(
    'takes %s',
    (good) => expect(causesOf(() => created({ url: good }))).toEqual([]),
  );

  it.each<[string, object, RegExp]>([
    ['a password in the url', { url: 'https://a:b@git.example/app.git' }, /^spec\.url: has credentials in it/],
    ['a token in the url', { url: 'https://token@git.example/app.git' }, /^spec\.url: has credentials in it/],
    ['a program for a url', { url: 'ext::sh -c id' }, /^spec\.url: expected a url without spaces/],
    ['an option for a url', { url: '--upload-pack=id' }, /^spec\.url: /],
    ['another protocol', { url: 'ftp://host/app' }, /^spec\.url: expected an https, http, ssh or file url/],
    ['the data folder', { url: 'file:///var/lib/miniaws/git' }, /^spec\.url: shows \/var\/lib\/miniaws/],
    ['a folder that the data folder is in', { url: 'file:///var' }, /^spec\.url: shows \/var\/lib\/miniaws/],
    ['two refs', { url, ref: { branch: 'a', tag: 'b' } }, /^spec\.ref: has branch and tag; at most one/],
    ['half a commit', { url, ref: { commit: 'abc' } }, /^spec\.ref\.commit: expected the whole id/],
    ['a path out of it', { url, path: '../other' }, /^spec\.path: expected a folder within/],
    ['a guard that is none', { url, pruneGuard: 'half' }, /^spec\.pruneGuard: expected a number, or a percentage/],
    ['a guard of more than all', { url, pruneGuard: '101%' }, /^spec\.pruneGuard: /],
    ['no interval', { url, interval: '1s' }, /^spec\.interval: must be at least 5s/],
    ['a schedule that never comes', { url, schedule: '0 0 31 2 *' }, /^spec\.schedule: .*impossible day/],
    ['a time zone that is nowhere', { url, timeZone: 'Mars/Olympus' }, /^spec\.timeZone: /],
    [
      'a source of two kinds',
      { url, substitute: { from: [{ secret: 'a', configMap: 'b' }] } },
      /^spec\.substitute\.from\[0\]: /,
    ],
    ['nobody’s keys', { url, verify: {} }, /^spec\.verify: expected one of configMap and secret/],
    ['itself', { url, dependsOn: ['app'] }, /^spec\.dependsOn: goes in a circle: app → app/],
  ])('is refused with its place: %s', (_, spec, cause) => {
    expect(causesOf(() => created(spec))[0]).toMatch(cause);
  });

  it('waits for none that waits for it, over however many others', () => {
    const view = new Mirror(KINDS);
    for (const [name, dependsOn] of [
      ['b', ['c']],
      ['c', ['d']],
      ['d', ['a']],
    ] as const)
      view.set(created({ url, dependsOn }, view, name));
    expect(causesOf(() => created({ url, dependsOn: ['b'] }, view, 'a'))).toEqual([
      'spec.dependsOn: goes in a circle: a → b → c → d → a',
    ]);
  });

  it('keeps its repository', () => {
    const made = created({ url });
    const change = { type: 'merge' as const, body: { spec: { url: `${url}/other` } } };
    expect(causesOf(() => patch(kind, change, made, new Mirror(KINDS), context()))).toEqual([
      'spec.url: is immutable: another repository is another sync',
    ]);
  });
});
