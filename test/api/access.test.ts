import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { accessOf, firstNotCovered } from '../../src/api/access.ts';
import type { Attributes, PolicyRule } from '../../src/api/access.ts';
import { rulesOfRole } from '../../src/api/roles.ts';
import { KINDS } from '../../src/kinds/index.ts';

/** `get instances/log shop/web`; `list instances *` is about all namespaces. */
function asked(text: string): Attributes {
  const [verb = '', what = '', where = ''] = text.split(' ');
  const [resource = '', subresource = ''] = what.split('/');
  const [namespace = '', name = ''] = where.split('/');
  return { verb, resource, subresource, namespace, name };
}
const may = (rules: readonly PolicyRule[], text: string): boolean => accessOf(rules).allows(asked(text));
const role = (name: Parameters<typeof rulesOfRole>[0], namespaces?: string[]) => rulesOfRole(name, KINDS, namespaces);
const CI: PolicyRule = {
  verbs: ['get', 'patch'],
  resources: ['scalinggroups', 'scalinggroups/scale'],
  namespaces: ['shop'],
  resourceNames: ['web'],
};

describe('what a role allows', () => {
  it.each([
    ['view', 'list instances', true],
    ['view', 'get instances/log shop/web', true],
    ['view', 'watch events', true],
    ['view', 'get namespaces shop/shop', true],
    ['view', 'list images', true],
    ['view', 'get secrets shop/db', false],
    ['view', 'list apikeys', false],
    ['view', 'create instances shop', false],
    ['view', 'create instances/exec shop/web', false],
    ['view', 'delete orphans', false],
    ['view', 'list auditevents', false],
    ['edit', 'create instances shop', true],
    ['edit', 'create instances/exec shop/web', true],
    ['edit', 'patch scalinggroups/scale shop/web', true],
    ['edit', 'get secrets shop/db', true],
    ['edit', 'update instances/status shop/web', false],
    ['edit', 'create namespaces', false],
    ['edit', 'get apikeys /ci', false],
    ['edit', 'create masterkey/rotation', false],
    ['admin', 'create masterkey/rotation', true],
    ['admin', 'create apikeys', true],
    ['admin', 'list auditevents', true],
  ] as const)('%s: %s: %s', (name, text, expected) => {
    expect(may(role(name), text)).toBe(expected);
  });

  it.each([
    ['edit', 'create instances shop', true],
    ['edit', 'create instances prod', false],
    ['edit', 'list instances', false],
    ['edit', 'get namespaces shop/shop', true],
    ['edit', 'get namespaces prod/prod', false],
    ['edit', 'delete namespaces shop/shop', false],
    ['edit', 'list images', false],
    ['admin', 'update instances/status shop/web', false],
    ['admin', 'create apikeys', false],
    ['admin', 'get metrics', false],
  ] as const)('%s of one namespace: %s: %s', (name, text, expected) => {
    expect(may(role(name, ['shop']), text)).toBe(expected);
  });
});

describe('what a rule allows', () => {
  it.each([
    ['patch scalinggroups shop/web', true],
    ['patch scalinggroups/scale shop/web', true],
    ['patch scalinggroups/status shop/web', false],
    ['patch scalinggroups shop/api', false],
    ['patch scalinggroups prod/web', false],
    ['delete scalinggroups shop/web', false],
    ['create scalinggroups shop', false],
  ] as const)('%s: %s', (text, expected) => expect(may([CI], text)).toBe(expected));

  it('a star stands for everything, a star behind a slash for every subresource', () => {
    const one = (resource: string) => [{ verbs: ['get'], resources: [resource] }];
    expect(may(one('*'), 'get secrets shop/db')).toBe(true);
    expect(may(one('*'), 'get instances/log shop/web')).toBe(true);
    expect(may(one('*/log'), 'get instances/log shop/web')).toBe(true);
    expect(may(one('*/log'), 'get instances shop/web')).toBe(false);
    expect(may(one('instances/*'), 'get instances/log shop/web')).toBe(true);
    expect(may(one('instances/*'), 'get secrets/log shop/web')).toBe(false);
    expect(may(one('instances'), 'get instances/log shop/web')).toBe(false);
  });

  it('a list shows what the rules allow of it, and none where they allow nothing', () => {
    const list: PolicyRule = { ...CI, verbs: ['list'] };
    const access = accessOf([list, { verbs: ['list'], resources: ['instances'], namespaces: ['a', 'b'] }]);
    const visible = (resource: string, namespace = '') =>
      access.visible({ verb: 'list', resource, subresource: '', namespace });
    expect(visible('secrets')).toBeUndefined();
    expect(visible('instances', 'c')).toBeUndefined();
    expect(visible('instances', 'a')).toBe('all');
    const [instances, groups] = [visible('instances'), visible('scalinggroups', 'shop')];
    if (typeof instances !== 'function' || typeof groups !== 'function') throw new Error('a part was expected');
    expect([instances({ namespace: 'a', name: 'x' }), instances({ namespace: 'c', name: 'x' })]).toEqual([true, false]);
    expect([groups({ namespace: 'shop', name: 'web' }), groups({ namespace: 'shop', name: 'b' })]).toEqual([
      true,
      false,
    ]);
    expect(access.namespaces({ verb: 'list', resource: 'instances', subresource: '' })).toEqual(['a', 'b']);
  });
});

const word = (...words: string[]) => fc.constantFrom(...words);
const some = (...words: string[]) => fc.uniqueArray(word(...words), { minLength: 1, maxLength: 3 });
const rules = fc.array(
  fc.record(
    {
      verbs: some('get', 'list', 'patch', '*'),
      resources: some('a', 'b', 'a/x', 'a/*', '*/x', '*/*', '*'),
      namespaces: some('n', 'm', '*'),
      resourceNames: some('p', 'q'),
    },
    { requiredKeys: ['verbs', 'resources'] },
  ),
  { maxLength: 3 },
);
const attributes = fc.record({
  verb: word('get', 'list', 'patch', 'delete'),
  resource: word('a', 'b'),
  subresource: word('', 'x', 'y'),
  namespace: word('', 'n', 'm'),
  name: word('', 'p', 'q', 'r'),
});

describe('nobody grants more than they have', () => {
  it('what is covered allows nothing that the own rules do not', () => {
    fc.assert(
      fc.property(rules, rules, fc.array(attributes, { maxLength: 20 }), (wanted, own, all) => {
        if (firstNotCovered(wanted, own) !== undefined) return;
        for (const one of all) if (accessOf(wanted).allows(one)) expect(accessOf(own).allows(one)).toBe(true);
      }),
      { numRuns: 2_000 },
    );
  });

  it('everybody has what they have, and an administrator everything', () => {
    fc.assert(
      fc.property(rules, (own) => {
        expect(firstNotCovered(own, own)).toBeUndefined();
        expect(firstNotCovered(own, role('admin'))).toBeUndefined();
      }),
    );
    expect(firstNotCovered(role('view'), role('edit'))).toBeUndefined();
    expect(firstNotCovered(role('edit', ['shop']), role('edit'))).toBeUndefined();
    expect(firstNotCovered(role('edit'), role('edit', ['shop']))).toBeDefined();
    expect(firstNotCovered(role('admin'), role('edit'))).toEqual({ verbs: ['*'], resources: ['*'] });
  });

  it('a list has what may be read one by one', () => {
    fc.assert(
      fc.property(rules, attributes, (own, { name, ...one }) => {
        const access = accessOf(own);
        const visible = access.visible(one);
        const allowed = access.allows({ ...one, name });
        if (visible === undefined) expect(allowed).toBe(false);
        else if (one.namespace !== '')
          expect(visible === 'all' || visible({ namespace: one.namespace, name })).toBe(allowed);
      }),
    );
  });
});
