import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Resource } from '../../src/api/metadata.ts';
import { startDaemon } from '../support/daemon.ts';
import type { TestDaemon } from '../support/daemon.ts';
import { call } from '../support/http.ts';
import type { Refusal } from '../support/http.ts';
import { makeNamespaces } from '../support/namespaces.ts';
import { instance, pathOf } from '../support/manifests.ts';

interface List {
  kind: string;
  metadata: { resourceVersion: string; continue?: string; remainingItemCount?: number };
  items: Resource[];
}

interface Table {
  kind: string;
  apiVersion: string;
  columnDefinitions: { name: string; type: string; format: string; priority: number }[];
  rows: {
    cells: string[];
    object: { kind: string; metadata: { name: string; namespace: string }; spec?: object } | null;
  }[];
}

const ALL = '/apis/miniaws.dev/v1/instances';
const TABLE = { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io,application/json' };
const TIERS = ['web', 'db', 'cache'];

let daemon: TestDaemon;
beforeAll(async () => {
  daemon = await startDaemon({ engine: 'simulated' });
  await makeNamespaces(daemon, 'other');
  for (let i = 0; i < 12; i++) {
    const labels = { tier: TIERS[i % 3]!, index: String(i), ...(i === 0 ? { canary: '' } : {}) };
    const annotations = { 'miniaws.dev/paused': 'true' };
    const body = instance(
      `i-${String(i).padStart(2, '0')}`,
      { image: 'web:1', vpc: `v-${i % 2}` },
      { labels, annotations },
    );
    const { status } = await call(daemon, 'POST', pathOf('instances', undefined, i < 10 ? 'default' : 'other'), {
      body,
    });
    expect(status).toBe(201);
  }
});
afterAll(() => daemon.stop());

const list = async (query: string, path = ALL) => (await call(daemon, 'GET', `${path}?${query}`)).json<List>();
const namesOf = ({ items }: List) => items.map((r) => Number(r.metadata.name.slice(2)));
const table = async (query: string, path = ALL) =>
  (await call(daemon, 'GET', `${path}?${query}`, { headers: TABLE })).json<Table>();

describe('a list', () => {
  it('is of one namespace or of all, in order of their names', async () => {
    expect(namesOf(await list(''))).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    expect(namesOf(await list('', pathOf('instances', undefined, 'other')))).toEqual([10, 11]);
    expect(await list('', pathOf('instances', undefined, 'empty'))).toMatchObject({ kind: 'InstanceList', items: [] });
  });

  it.each<[string, number[]]>([
    ['tier=web', [0, 3, 6, 9]],
    ['tier==web,index!=0', [3, 6, 9]],
    ['tier in (web,db),index notin (0,1,3,4)', [6, 7, 9, 10]],
    ['canary', [0]],
    ['!canary,tier=web', [3, 6, 9]],
    ['canary=', [0]],
    ['nothing=here', []],
    ['tier notin (web,db,cache)', []],
  ])('by labels %s', async (selector, expected) => {
    expect(namesOf(await list(`labelSelector=${encodeURIComponent(selector)}`))).toEqual(expected);
  });

  it.each<[string, number[]]>([
    ['metadata.name=i-03', [3]],
    ['metadata.namespace!=default', [10, 11]],
    ['spec.vpc=v-1,metadata.namespace=default', [1, 3, 5, 7, 9]],
    ['metadata.name=nobody', []],
  ])('by fields %s', async (selector, expected) => {
    expect(namesOf(await list(`fieldSelector=${encodeURIComponent(selector)}`))).toEqual(expected);
  });

  it.each([
    'labelSelector=a%20b',
    'labelSelector=,,',
    'labelSelector=a%20in%20b',
    'fieldSelector=metadata.name',
    'fieldSelector=%3D',
    `labelSelector=${'!a,'.repeat(64)}b`,
    `fieldSelector=${'a=b,'.repeat(64)}c=d`,
    `labelSelector=${'a'.repeat(9_000)}`,
  ])('refuses %s with 400', async (query) => {
    const refused = await call(daemon, 'GET', `${ALL}?${query}`);
    expect([refused.status, refused.json<Refusal>().reason]).toEqual([400, 'BadRequest']);
  });

  it('comes in pages that hold every object once, though objects come and go between them', async () => {
    const first = await list('limit=5');
    expect([namesOf(first), first.metadata.remainingItemCount]).toEqual([[0, 1, 2, 3, 4], 7]);
    await call(daemon, 'POST', pathOf('instances'), { body: instance('i-000', { image: 'web:1', vpc: 'v-0' }) });
    const second = await list(`limit=5&continue=${first.metadata.continue}`);
    expect(namesOf(second)).toEqual([5, 6, 7, 8, 9]);
    const third = await list(`limit=5&continue=${second.metadata.continue}`);
    expect([namesOf(third), third.metadata.continue]).toEqual([[10, 11], undefined]);
    await call(daemon, 'DELETE', pathOf('instances', 'i-000'));
    const refused = await call(daemon, 'GET', `${ALL}?limit=5&continue=made-up`);
    expect(refused.status).toBe(400);
  });

  it.each(['limit=-1', 'limit=ten', 'limit=1.5', 'resourceVersion=x&watch=true', 'timeoutSeconds=-3&watch=true'])(
    'refuses %s with 400',
    async (query) => {
      const refused = await call(daemon, 'GET', `${ALL}?${query}`);
      expect([refused.status, refused.json<Refusal>().kind]).toEqual([400, 'Status']);
    },
  );
});

describe('a Table', () => {
  it('has a column of names, rows with their namespaces, and wide columns of priority 1', async () => {
    const found = await table('labelSelector=canary');
    expect([found.kind, found.apiVersion]).toEqual(['Table', 'meta.k8s.io/v1']);
    const of = (priority: number) => found.columnDefinitions.filter((c) => c.priority === priority).map((c) => c.name);
    expect(of(0)).toEqual(['Name', 'Image', 'VPC', 'Status', 'Ready', 'Restarts', 'Age']);
    expect(of(1)).toEqual(['Private-IP', 'Ports', 'Image-ID', 'Container']);
    expect(found.columnDefinitions[0]).toMatchObject({ name: 'Name', type: 'string', format: 'name' });
    expect(found.rows).toHaveLength(1);
    expect(found.rows[0]?.cells).toHaveLength(found.columnDefinitions.length);
    expect(found.rows[0]?.cells.slice(0, 4)).toEqual(['i-00', 'web:1', 'v-0', 'Pending']);
    expect(found.rows[0]?.object).toMatchObject({
      kind: 'PartialObjectMetadata',
      metadata: { name: 'i-00', namespace: 'default' },
    });
    expect(found.rows[0]?.object?.spec).toBeUndefined();
  });

  it('holds whole objects or none, as asked', async () => {
    const whole = await table('labelSelector=canary&includeObject=Object');
    expect(whole.rows[0]?.object).toMatchObject({ kind: 'Instance', spec: { image: 'web:1' } });
    expect((await table('labelSelector=canary&includeObject=None')).rows[0]?.object).toBeNull();
  });

  it('is what one object is answered as, too', async () => {
    expect((await table('', pathOf('instances', 'i-01'))).rows.map((r) => r.cells[0])).toEqual(['i-01']);
  });
});
