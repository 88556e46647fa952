import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Metadata, OwnerReference, Resource } from '../../src/api/metadata.ts';
import { startDaemon } from '../support/daemon.ts';
import type { TestDaemon } from '../support/daemon.ts';
import { call, watch } from '../support/http.ts';
import type { RawRequest, Refusal } from '../support/http.ts';
import { instance, pathOf, vpc } from '../support/manifests.ts';
import { eventually } from '../support/wait.ts';

let daemon: TestDaemon;
beforeAll(async () => {
  daemon = await startDaemon({ engine: 'simulated' });
  await call(daemon, 'POST', pathOf('vpcs'), { body: vpc('net', { cidrBlock: '10.215.0.0/24' }) });
});
afterAll(() => daemon.stop());

const at = (name: string) => pathOf('instances', name);
const send = (method: string, path: string, options?: RawRequest) => call(daemon, method, path, options);
const make = async (name: string, metadata: Partial<Metadata> = {}, vpcName = 'net') => {
  const body = instance(name, { image: 'web:1', vpc: vpcName }, metadata);
  const answer = await send('POST', pathOf('instances'), { body });
  expect(answer.status).toBe(201);
  return answer.json<Resource>();
};
const exists = async (name: string) => (await send('GET', at(name))).status === 200;
const gone = (...names: string[]) =>
  eventually(`${names.join(', ')} to be gone`, async () => !(await Promise.all(names.map(exists))).includes(true));
const dependentOf = (owner: Resource, more: Partial<OwnerReference> = {}): Partial<Metadata> => ({
  ownerReferences: [
    { apiVersion: owner.apiVersion, kind: owner.kind, name: owner.metadata.name, uid: owner.metadata.uid, ...more },
  ],
});
const ready = (name: string) =>
  eventually(`${name} to be Ready`, async () => {
    const { status } = (await send('GET', at(name))).json<Resource>();
    return status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True');
  });

describe('delete', () => {
  it('answers with the document marked deleted, which goes when its container has (I14)', async () => {
    await make('plain');
    await ready('plain');
    const watching = await watch(daemon, `${pathOf('instances')}?watch=true&fieldSelector=metadata.name%3Dplain`);
    const answer = await send('DELETE', at('plain'));
    expect([answer.status, answer.json<Resource>().metadata.deletionTimestamp]).toEqual([200, expect.any(String)]);
    const last = await watching.next('the DELETED event', (e) => e.type === 'DELETED');
    watching.close();
    expect(last.object.metadata.deletionTimestamp).toBeDefined();
    expect((await send('GET', at('plain'))).status).toBe(404);
    const again = await send('DELETE', at('plain'));
    expect([again.status, again.json<Refusal>().reason]).toEqual([404, 'NotFound']);
    // Its row stays, with the time.
    const rows = await daemon.database.query("SELECT deleted_at FROM instances WHERE name = 'plain'");
    expect(rows).toEqual([{ deleted_at: expect.any(Date) }]);
  });

  it('holds preconditions against the living document', async () => {
    const { metadata } = await make('held');
    const other = { preconditions: { uid: '00000000-0000-4000-8000-000000000000' } };
    const refused = await send('DELETE', at('held'), { body: other });
    expect([refused.status, refused.json<Refusal>().reason]).toEqual([409, 'Conflict']);
    const stale = await send('DELETE', at('held'), { body: { preconditions: { resourceVersion: '1' } } });
    expect(stale.status).toBe(409);
    expect((await send('GET', at('held'))).json<Resource>().metadata.deletionTimestamp).toBeUndefined();
    const right = await send('DELETE', at('held'), { body: { preconditions: { uid: metadata.uid } } });
    expect(right.status).toBe(200);
    await gone('held');
  });

  it('refuses a propagationPolicy that there is not', async () => {
    await make('policy');
    for (const path of [`${at('policy')}?propagationPolicy=Sideways`, at('policy')]) {
      const body = path.includes('?') ? undefined : { propagationPolicy: 'sideways' };
      expect((await send('DELETE', path, { body })).status).toBe(400);
    }
    expect(await exists('policy')).toBe(true);
  });

  it('in the background takes the dependents after the owner (I14)', async () => {
    const owner = await make('bg-owner');
    await make('bg-child', dependentOf(owner));
    await make('bg-other');
    await send('DELETE', at('bg-owner'), { body: { propagationPolicy: 'Background' } });
    await gone('bg-owner', 'bg-child');
    expect(await exists('bg-other')).toBe(true);
  });

  it('in the foreground takes the blocking dependents before the owner (I14)', async () => {
    const owner = await make('fg-owner');
    await make('fg-child', dependentOf(owner, { blockOwnerDeletion: true }));
    const watching = await watch(daemon, `${pathOf('instances')}?watch=true`);
    const answer = await send('DELETE', `${at('fg-owner')}?propagationPolicy=Foreground`);
    expect(answer.json<Resource>().metadata.finalizers).toContain('foregroundDeletion');
    await watching.next('the owner to go', (e) => e.type === 'DELETED' && e.object.metadata.name === 'fg-owner');
    watching.close();
    const order = watching.events.filter((e) => e.type === 'DELETED').map((e) => e.object.metadata.name);
    expect(order).toEqual(['fg-child', 'fg-owner']);
  });

  it('as orphans leaves the dependents, without the reference (I14)', async () => {
    const owner = await make('or-owner');
    await make('or-child', dependentOf(owner));
    await send('DELETE', at('or-owner'), { body: { propagationPolicy: 'Orphan' } });
    await gone('or-owner');
    const child = (await send('GET', at('or-child'))).json<Resource>();
    expect(child.metadata.ownerReferences ?? []).toEqual([]);
    expect(child.metadata.deletionTimestamp).toBeUndefined();
  });

  it('of an owner that was deleted and made again takes the old one’s dependents only', async () => {
    const first = await make('twice');
    await make('twice-child', dependentOf(first));
    await send('DELETE', at('twice'), { body: { propagationPolicy: 'Background' } });
    await gone('twice');
    const second = await make('twice');
    await make('twice-young', dependentOf(second));
    await gone('twice-child');
    expect([await exists('twice'), await exists('twice-young')]).toEqual([true, true]);
  });

  it('of a VPC waits for its instances and lists them', async () => {
    await send('POST', pathOf('vpcs'), { body: vpc('busy', { cidrBlock: '10.215.1.0/24' }) });
    await make('tenant', {}, 'busy');
    await ready('tenant');
    await send('DELETE', pathOf('vpcs', 'busy'));
    await eventually('the VPC to say for whom it waits', async () => {
      const { status } = (await send('GET', pathOf('vpcs', 'busy'))).json<Resource>();
      return status?.conditions?.find((c) => c.type === 'Ready' && c.message.includes('default/tenant'));
    });
    await send('DELETE', at('tenant'));
    await eventually('the VPC to be gone', async () => (await send('GET', pathOf('vpcs', 'busy'))).status === 404);
  });
});

describe('delete of a collection', () => {
  const all = (more: string) => `${pathOf('instances')}?${more}`;
  const names = (answer: { json: <T>() => T }) =>
    answer.json<{ items: Resource[] }>().items.map(({ metadata }) => metadata.name);

  it('deletes what a list with the same selector has, and nothing else', async () => {
    for (const name of ['x', 'y', 'z']) await make(name, { labels: { of: name === 'z' ? 'them' : 'us' } });
    const dry = await send('DELETE', all('labelSelector=of%3Dus&dryRun=All'));
    expect([dry.status, names(dry)]).toEqual([200, ['x', 'y']]);
    expect(await exists('x')).toBe(true);
    const answer = await send('DELETE', all('labelSelector=of%3Dus'));
    expect([answer.status, names(answer), answer.json<Resource>().kind]).toEqual([200, ['x', 'y'], 'InstanceList']);
    expect(answer.json<{ items: Resource[] }>().items[0]?.metadata.deletionTimestamp).toBeDefined();
    await gone('x', 'y');
    expect(await exists('z')).toBe(true);
    expect(names(await send('DELETE', all('fieldSelector=metadata.name%3Dz')))).toEqual(['z']);
    await gone('z');
  });

  it('is of one namespace, or of a kind that is in none', async () => {
    expect((await send('DELETE', '/apis/miniaws.dev/v1/instances')).status).toBe(404);
    const refused = await send('DELETE', '/api/v1/namespaces');
    expect([refused.status, refused.json<Refusal>().message]).toEqual([
      403,
      'namespaces "default" is forbidden: this namespace may not be deleted',
    ]);
  });

  it('of documents with nothing behind them removes them, and warns who uses them', async () => {
    const maps = pathOf('configmaps').replace('/apis/miniaws.dev/v1', '/api/v1');
    for (const name of ['a', 'b'])
      await send('POST', maps, { body: { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { k: 'v' } } });
    const answer = await send('DELETE', maps);
    expect([answer.status, names(answer)]).toEqual([200, ['a', 'b']]);
    expect(names(await send('GET', maps))).toEqual([]);
  });
});
