import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';
import {
  KubeConfig,
  KubernetesObjectApi,
  ListWatch,
  CustomObjectsApi,
  makeInformer,
  Watch,
  setHeaderOptions,
} from '@kubernetes/client-node';
import type { KubernetesObject } from '@kubernetes/client-node';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Resource } from '../../src/api/metadata.ts';
import { startDaemon } from '../support/daemon.ts';
import type { TestDaemon } from '../support/daemon.ts';
import { instance, pathOf, vpc } from '../support/manifests.ts';
import type { Manifest } from '../support/manifests.ts';
import { makeNamespaces } from '../support/namespaces.ts';
import { eventually } from '../support/wait.ts';

let daemon: TestDaemon;
let config: KubeConfig;
beforeAll(async () => {
  daemon = await startDaemon({ engine: 'simulated' });
  config = new KubeConfig();
  config.loadFromFile(daemon.kubeconfigPath);
  await makeNamespaces(daemon, 'informed', 'applied', 'kube');
});
afterAll(() => daemon.stop());

type Loose = KubernetesObject & { spec?: Record<string, unknown>; status?: Record<string, unknown> };
/** The library's type has dates where JSON has text. */
const object = (manifest: Manifest): Loose => manifest as unknown as Loose;
const isReady = ({ status }: Loose): boolean =>
  ((status?.['conditions'] ?? []) as { type: string; status: string }[]).some(
    (c) => c.type === 'Ready' && c.status === 'True',
  );
const web = { image: 'web:1', vpc: 'net' };

describe('the Kubernetes client library with the generated kubeconfig', () => {
  it('finds the kinds and creates, reads, patches, lists and deletes them', async () => {
    const api = KubernetesObjectApi.makeApiClient(config);
    const net = await api.create(object(vpc('net', { cidrBlock: '10.215.0.0/24' }, { namespace: 'default' })));
    expect(net.metadata?.uid).toBeDefined();
    await api.create(object(instance('web', web, { namespace: 'default' })));
    const header = { apiVersion: 'miniaws.dev/v1', kind: 'Instance', metadata: { name: 'web', namespace: 'default' } };
    await eventually('the instance to be Ready', async () => isReady(await api.read(header)));
    const patched: Loose = await api.patch(
      { ...header, spec: { env: { A: '1' } } } as Loose,
      undefined,
      undefined,
      'test',
      undefined,
      'application/merge-patch+json',
    );
    expect(patched.spec).toMatchObject({ ...web, env: { A: '1' } });
    // The pass that the patch set off writes too: a replacement of what was read before it is a conflict.
    const replaced = await eventually('a replacement of the newest', async (): Promise<Loose> => {
      const newest: Loose = await api.read(header);
      return api.replace({ ...newest, spec: { ...newest.spec, env: { A: '2' } } } as Loose);
    });
    expect(replaced.spec).toMatchObject({ env: { A: '2' } });
    const { items } = await api.list('miniaws.dev/v1', 'Instance', 'default');
    expect(items.map((i) => i.metadata?.name)).toEqual(['web']);
    await api.delete(header);
    await api.delete({ ...header, kind: 'VPC', metadata: { name: 'net', namespace: 'default' } });
    await eventually('both to be gone', async () => {
      const { items: left } = await api.list('miniaws.dev/v1', 'VPC', 'default');
      return left.length === 0;
    });
    await expect(api.read(header)).rejects.toMatchObject({ code: 404 });
  });

  it('watches, and keeps an informer true', async () => {
    const custom = config.makeApiClient(CustomObjectsApi);
    const list = () =>
      custom.listNamespacedCustomObject({
        group: 'miniaws.dev',
        version: 'v1',
        namespace: 'informed',
        plural: 'instances',
      }) as Promise<{ items: Loose[]; apiVersion: string; kind: string; metadata: { resourceVersion: string } }>;
    const informer = makeInformer<Loose>(config, pathOf('instances', undefined, 'informed'), list) as ListWatch<Loose>;
    const seen: string[] = [];
    informer.on('add', (o) => seen.push(`add ${o.metadata?.name}`));
    informer.on('delete', (o) => seen.push(`delete ${o.metadata?.name}`));
    await informer.start();
    const create = (body: object) =>
      custom.createNamespacedCustomObject({
        group: 'miniaws.dev',
        version: 'v1',
        namespace: 'informed',
        plural: 'instances',
        body,
      });
    for (const name of ['a', 'b']) await create(instance(name, { image: 'web:1' }));
    await eventually('both in the cache and Ready', () => {
      const cached = informer.list();
      return cached.length === 2 && cached.every(isReady);
    });
    await custom.deleteNamespacedCustomObject({
      group: 'miniaws.dev',
      version: 'v1',
      namespace: 'informed',
      plural: 'instances',
      name: 'a',
    });
    await eventually('one to be gone from the cache', () => informer.list().length === 1);
    expect(seen).toEqual(['add a', 'add b', 'delete a']);
    await informer.stop();

    const events: string[] = [];
    const watching = new Watch(config);
    const ended = new Promise<void>((resolve, reject) => {
      watching
        .watch(
          pathOf('instances', undefined, 'informed'),
          { timeoutSeconds: 1 },
          (type, seenObject: Resource) => events.push(`${type} ${seenObject.metadata.name}`),
          () => resolve(),
        )
        .catch(reject);
    });
    await ended;
    expect(events).toContain('ADDED b');
  });

  it('applies on the server', async () => {
    const custom = config.makeApiClient(CustomObjectsApi);
    const applied = (await custom.patchNamespacedCustomObject(
      {
        group: 'miniaws.dev',
        version: 'v1',
        namespace: 'applied',
        plural: 'instances',
        name: 'web',
        body: instance('web', { image: 'web:1' }),
        fieldManager: 'library',
        force: true,
      },
      setHeaderOptions('Content-Type', 'application/apply-patch+yaml'),
    )) as Resource;
    expect(applied.metadata.managedFields).toEqual([
      expect.objectContaining({ manager: 'library', operation: 'Apply' }),
    ]);
  });
});

/** Decided once: a machine without kubectl tests the same API by the library alone. */
const hasKubectl = spawnSync('kubectl', ['version', '--client']).status === 0;

describe.runIf(hasKubectl)('kubectl', () => {
  const kubectl = async (words: string, stdin?: string): Promise<string> => {
    const running = promisify(execFile)('kubectl', [
      '--kubeconfig',
      daemon.kubeconfigPath,
      '-n',
      'kube',
      ...words.split(' '),
    ]);
    running.child.stdin?.end(stdin);
    return (await running).stdout;
  };
  const yaml = (env: string) =>
    `apiVersion: miniaws.dev/v1\nkind: Instance\nmetadata: {name: web}\nspec: {image: "web:1", env: {A: "${env}"}}\n`;

  it('applies, gets, explains, waits, edits and deletes', async () => {
    expect(await kubectl('apply -f -', yaml('1'))).toContain('created');
    expect(await kubectl('apply -f -', yaml('1'))).toContain('unchanged');
    expect(await kubectl('apply -f -', yaml('2'))).toContain('configured');
    expect(await kubectl('wait --for=condition=Ready --timeout=20s instance/web')).toContain('condition met');
    expect(await kubectl('get instances')).toMatch(
      /NAME +IMAGE +VPC +STATUS +READY +RESTARTS +AGE\nweb +web:1 +default +Running +True/,
    );
    expect(await kubectl('get inst web -o wide')).toContain('PRIVATE-IP');
    expect(await kubectl('get inst web -o jsonpath={.spec.env.A}')).toBe('2');
    expect(await kubectl('explain instance.spec.powerState')).toContain('Stopped keeps the container');
    expect(await kubectl('patch instance web --type=merge -p {"spec":{"powerState":"Stopped"}}')).toContain('patched');
    expect(await kubectl('label instance web tier=front')).toContain('labeled');
    expect(await kubectl('describe instance web')).toMatch(/Created/);
    expect(await kubectl('get events')).toContain('instance/web');
    expect(await kubectl('apply --server-side --force-conflicts -f -', yaml('3'))).toContain('serverside-applied');
    expect(await kubectl('delete --dry-run=server instance web')).toContain('dry run');
    expect(await kubectl('delete instance web')).toContain('deleted');
    expect(await kubectl('get instances')).toBe('');
  });

  it('tells a refusal in the server’s words', async () => {
    const refused = await kubectl('create -f -', yaml('1').replace('image', 'imagge')).catch(
      (e: { stderr: string }) => e.stderr,
    );
    expect(refused).toContain('did you mean "image"?');
  });
});
