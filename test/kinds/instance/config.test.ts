import { beforeEach, describe, expect, it, onTestFinished } from 'vitest';
import { findCondition } from '../../../src/api/metadata.ts';
import { sourceDocuments } from './config-documents.ts';
import type { SimulatedContainer } from '../../../src/drivers/simulated/objects.ts';
import { World } from '../../../src/proof/world.ts';
import type { WorldDaemon } from '../../../src/proof/world.ts';
import { mainVpc } from '../vpc/scenarios.ts';

const { map, secret } = sourceDocuments;
let world: World;
let daemon: WorldDaemon;

beforeEach(async () => {
  world = new World();
  daemon = await world.start();
  onTestFinished(() => daemon.stop());
  await daemon.apply(mainVpc);
});

async function apply(spec: object): Promise<void> {
  await daemon.apply({ kind: 'Instance', metadata: { name: 'web' }, spec: { image: 'app:1', vpc: 'main', ...spec } });
  await daemon.settle(5_000);
}
async function change(document: Parameters<WorldDaemon['apply']>[0]): Promise<void> {
  await daemon.apply(document);
  await daemon.settle(15_000);
}
const container = (): SimulatedContainer => {
  const [only, ...more] = world.engine.containers.values();
  if (!only || more.length > 0) throw new Error(`there are ${more.length + (only ? 1 : 0)} containers`);
  return only;
};
const condition = (type: string) => {
  const web = daemon.get('Instance', 'web');
  return web && findCondition(web, type);
};
const changesAsked = () => world.mutations();

describe('a change of content', () => {
  const file = (onChange?: unknown) => ({
    files: [{ path: '/etc/app.conf', configMap: 'app', key: 'app.conf', ...(onChange ? { onChange } : {}) }],
  });

  it('Recreate: another container, which has it before its process starts', async () => {
    await daemon.apply(map({ 'app.conf': 'one' }));
    await apply(file());
    const before = container();
    expect(before.files.get('/etc/app.conf')).toBe('one');
    await change(map({ 'app.conf': 'two', other: 'is nobody’s' }));
    expect(container().id).not.toBe(before.id);
    expect(container().files.get('/etc/app.conf')).toBe('two');
    const log = await daemon.store.log({ limit: 100 });
    expect(JSON.stringify(log)).toMatch(/key app.conf of ConfigMap default\/app changed \([0-9a-f]{6} → [0-9a-f]{6}\)/);
    const { id } = container();
    await change(map({ 'app.conf': 'two', other: 'changed' }));
    expect(container().id).toBe(id);
  });

  it('a signal: the file, then the process is told, in the same container, once', async () => {
    await daemon.apply(map({ 'app.conf': 'one' }));
    await apply(file({ signal: 'HUP' }));
    const { id, startedAt } = container();
    await change(map({ 'app.conf': 'two' }));
    expect(container()).toMatchObject({ id, startedAt, signals: ['HUP'] });
    expect(container().files.get('/etc/app.conf')).toBe('two');
    await change(map({ 'app.conf': 'one' }));
    expect(container()).toMatchObject({ id, signals: ['HUP', 'HUP'] });
    expect(container().files.get('/etc/app.conf')).toBe('one');
  });

  it('Restart: the file, then the same container is started again, once', async () => {
    await daemon.apply(map({ 'app.conf': 'one' }));
    await apply({ ...file('Restart'), restartPolicy: 'Never' });
    const { id, startedAt } = container();
    await change(map({ 'app.conf': 'two' }));
    const restarted = container();
    expect(restarted).toMatchObject({ id, state: 'running' });
    expect(restarted.startedAt).not.toEqual(startedAt);
    expect(restarted.files.get('/etc/app.conf')).toBe('two');
    const asked = changesAsked();
    await daemon.settle(60_000);
    expect(changesAsked()).toBe(asked);
  });

  it('Update: the file alone; Ignore: nothing, until the container is made anew', async () => {
    await daemon.apply(map({ 'app.conf': 'one', b: 'one' }));
    const both = [...file('Update').files, { path: '/b', configMap: 'app', key: 'b', onChange: 'Ignore' }];
    await apply({ files: both });
    const { id } = container();
    await change(map({ 'app.conf': 'two', b: 'two' }));
    expect(container()).toMatchObject({ id, signals: [] });
    expect([...container().files.values()]).toEqual(['two', 'one']);
    await apply({ files: both, image: 'app:2' });
    expect([...container().files.values()]).toEqual(['two', 'two']);
  });

  it('a folder gains and loses files', async () => {
    await daemon.apply(map({ a: '1', b: '1' }));
    await apply({ files: [{ path: '/conf', configMap: 'app', onChange: 'Update' }] });
    await change(map({ b: '2', c: '1' }));
    expect(Object.fromEntries(container().files)).toEqual({ '/conf/b': '2', '/conf/c': '1' });
  });

  it('while it is stopped a file of a key that is gone is emptied, once, and removed when it runs', async () => {
    await daemon.apply(map({ a: '1', b: '1' }));
    const files = [{ path: '/conf', configMap: 'app', onChange: 'Update' }];
    await apply({ files });
    await apply({ files, powerState: 'Stopped' });
    await change(map({ b: '2' }));
    expect(Object.fromEntries(container().files)).toEqual({ '/conf/a': '', '/conf/b': '2' });
    const asked = changesAsked();
    await daemon.settle(60_000);
    expect(changesAsked()).toBe(asked);
    await apply({ files });
    expect(Object.fromEntries(container().files)).toEqual({ '/conf/b': '2' });
  });

  it('where nothing can rename a file, the event says that it was written in place', async () => {
    world.engine.hasShell = false;
    await daemon.apply(map({ 'app.conf': 'one' }));
    await apply(file('Update'));
    await change(map({ 'app.conf': 'two' }));
    const { items } = await daemon.store.events({ limit: 100 });
    expect(JSON.stringify(items)).toContain('written in place');
  });

  it('of a variable: another container; a secret is in no label, event, log or status', async () => {
    await daemon.apply(secret('hunter2'));
    await apply({
      env: { P: { valueFrom: { secret: 'db', key: 'PASSWORD' } } },
      files: [{ path: '/s', secret: 'db' }],
    });
    expect(container().spec.env).toEqual({ P: 'hunter2' });
    await change(secret('hunter3'));
    expect(container().spec.env).toEqual({ P: 'hunter3' });
    expect(container().files.get('/s/PASSWORD')).toBe('hunter3');
    const told = JSON.stringify([
      await daemon.store.events({ limit: 100 }),
      await daemon.store.log({ limit: 100 }),
      daemon.get('Instance', 'web'),
      container().labels,
    ]);
    expect(told).toContain('key PASSWORD of Secret default/db changed');
    expect(told).not.toMatch(/hunter|aHVudGVy/);
  });

  it('while the daemon was down is found at its start', async () => {
    await daemon.apply(map({ 'app.conf': 'one' }));
    await apply(file({ signal: 'HUP' }));
    await daemon.stop();
    const person = await world.person();
    await person.apply(map({ 'app.conf': 'two' }));
    daemon = await world.start();
    await daemon.settle(5_000);
    expect(container().files.get('/etc/app.conf')).toBe('two');
    expect(container().signals).toEqual(['HUP']);
  });
});

describe('what is missing', () => {
  const files = [{ path: '/a', configMap: 'app', key: 'a' }];

  it('keeps an instance from being made, by name, until it is there', async () => {
    await apply({ files });
    expect(world.engine.containers.size).toBe(0);
    expect(condition('Ready')).toMatchObject({
      status: 'False',
      reason: 'ConfigNotFound',
      message: 'ConfigMap default/app is not there: create it',
    });
    await change(map({ b: '' }));
    expect(condition('Ready')?.message).toBe('ConfigMap default/app has no key a: add it');
    await change(map({ a: 'x' }));
    expect(condition('Ready')?.status).toBe('True');
    expect(container().files.get('/a')).toBe('x');
  });

  it('who deletes what is in use hears by whom', async () => {
    await daemon.apply(map({ a: 'x' }));
    await apply({ files });
    const app = daemon.get('ConfigMap', 'app')!;
    const said = daemon.kinds.must('ConfigMap').deleting?.(app, daemon.informer.view);
    expect(said).toEqual([expect.stringContaining('ConfigMap default/app is used by Instance default/web')]);
  });

  it('leaves what runs alone, and says so beside Ready; the same again changes nothing', async () => {
    await daemon.apply(map({ a: 'x' }));
    await apply({ files });
    const { id } = container();
    await daemon.delete('ConfigMap/default/app');
    await daemon.settle(5_000);
    expect(condition('Ready')?.status).toBe('True');
    expect(condition('ConfigAvailable')).toMatchObject({ status: 'False', reason: 'ConfigNotFound' });
    await apply({ files, image: 'app:2' });
    expect(container().id).toBe(id);
    expect(condition('Ready')).toMatchObject({ status: 'False', reason: 'ConfigNotFound' });
    expect(condition('Ready')?.message).toContain('until then it runs on');
    await apply({ files });
    await change(map({ a: 'x' }));
    expect(container().id).toBe(id);
    expect(condition('ConfigAvailable')?.status).toBe('True');
  });
});
