import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startDaemon } from '../support/daemon.ts';
import type { TestDaemon } from '../support/daemon.ts';
import { asKey } from '../support/keys.ts';
import { hasKubectl, runKubectl } from '../support/kubectl.ts';
import { makeNamespaces } from '../support/namespaces.ts';

let daemon: TestDaemon;
let folder: string;
beforeAll(async () => {
  if (!hasKubectl) return;
  folder = await mkdtemp(join(tmpdir(), 'miniaws-kubectl-'));
  daemon = await startDaemon({ engine: 'simulated' });
  await makeNamespaces(daemon, 'shop');
  await kubectl('apply -f -', VPC, GROUP);
  await kubectl('wait --for=condition=Ready scalinggroup/web --timeout=60s');
});
afterAll(async () => {
  await daemon?.stop();
  if (folder) await rm(folder, { recursive: true, force: true });
});

const document = (kind: string, name: string, rest: string, apiVersion = 'miniaws.dev/v1') =>
  `apiVersion: ${apiVersion}\nkind: ${kind}\nmetadata:\n  name: ${name}\n${rest}\n`;
const VPC = document('VPC', 'net', 'spec: {}');
const GROUP = document(
  'ScalingGroup',
  'web',
  'spec: {vpc: net, minInstances: 1, maxInstances: 4, desiredCount: 2, template: {spec: {image: "app:1"}}}',
);
const map = (name: string, value = '1') => document('ConfigMap', name, `data: {v: "${value}"}`, 'v1');

/** What it prints. `{file}` stands for a file with the documents; without it they are its input. */
async function run(words: string, documents: readonly string[], env: Record<string, string> = {}) {
  const file = join(folder, `${Math.random()}.yaml`);
  const text = documents.join('---\n');
  await writeFile(file, text);
  return runKubectl(
    daemon,
    words.split(' ').map((word) => word.replace('{file}', file)),
    text,
    env,
  );
}
async function kubectl(words: string, ...documents: string[]): Promise<string> {
  const { code, stdout, stderr } = await run(words, documents);
  expect(code, `${words}: ${stdout}${stderr}`).toBe(0);
  return stdout;
}
const refused = async (words: string, ...documents: string[]): Promise<string> => {
  const { code, stderr } = await run(words, documents);
  expect(code, words).not.toBe(0);
  return stderr;
};

describe.runIf(hasKubectl)('kubectl finds', () => {
  it('what there is, and what each field means', async () => {
    expect(await kubectl('api-resources')).toMatch(/scalinggroups +sg,asg +miniaws.dev\/v1 +true +ScalingGroup/);
    expect((await kubectl('api-versions')).split('\n')).toEqual(expect.arrayContaining(['miniaws.dev/v1', 'v1']));
    expect(await kubectl('explain apikey.spec.rules.verbs')).toContain('What may be done');
    expect(await kubectl('version')).toContain('Server Version: v1.');
  });

  it('objects, sorted, paged, selected, and in columns of its own', async () => {
    expect(await kubectl('get instances --sort-by=.metadata.name -o name')).toBe(
      'instance.miniaws.dev/web-0\ninstance.miniaws.dev/web-1\n',
    );
    expect(await kubectl('get instances --chunk-size=1 --no-headers -o custom-columns=N:.metadata.name')).toBe(
      'web-0\nweb-1\n',
    );
    expect(await kubectl('get instances --field-selector metadata.name=web-1 -o name')).toBe(
      'instance.miniaws.dev/web-1\n',
    );
    expect(await kubectl('get all -A')).toContain('scalinggroup.miniaws.dev/web');
    expect(await kubectl('events --for scalinggroup/web')).toMatch(/ScaledOut/);
  });
});

describe.runIf(hasKubectl)('kubectl writes', () => {
  it('counts, also where they are what was thought', async () => {
    expect(await kubectl('scale scalinggroup/web --replicas=3')).toContain('scaled');
    expect(await refused('scale scalinggroup/web --replicas=2 --current-replicas=9')).toMatch(
      /Expected replicas to be 9/,
    );
    expect(await kubectl('scale scalinggroup/web --replicas=2 --current-replicas=3')).toContain('scaled');
  });

  it('names that the server makes, and nothing in a dry run', async () => {
    const generated = map('x').replace('name: x', 'generateName: job-');
    expect(await kubectl('create -f -', generated)).toMatch(/^configmap\/job-[a-z0-9]{5} created/);
    expect(await kubectl('create --dry-run=server -f -', map('dry'))).toContain('created (server dry run)');
    expect(await refused('get configmap dry')).toContain('not found');
  });

  it('patches of each type, and says which it does not read', async () => {
    await kubectl('create -f -', map('patched'));
    expect(await kubectl('patch cm patched --type=merge -p {"data":{"a":"b"}}')).toContain('patched');
    expect(await kubectl('patch cm patched --type=json -p [{"op":"add","path":"/data/c","value":"d"}]')).toContain(
      'patched',
    );
    expect(await kubectl('patch cm patched -p {"data":{"e":"f"}}')).toContain('patched');
    expect(await refused('patch vpc net --type=strategic -p {"metadata":{"labels":{"a":"b"}}}')).toMatch(/strategic/);
    expect(await kubectl('get cm patched -o jsonpath={.data}')).toBe('{"a":"b","c":"d","e":"f","v":"1"}');
    expect(await kubectl('annotate cm patched why=so')).toContain('annotated');
    expect(await kubectl('replace -f -', map('patched', '2'))).toContain('replaced');
    expect((await run('diff -f {file}', [map('patched', '3')])).code).toBe(1);
    expect((await run('diff -f {file}', [map('patched', '2')])).code).toBe(0);
  });

  it('goes over from applying in the client to applying on the server, and tells conflicts', async () => {
    await kubectl('apply -f -', map('moved'));
    expect(await kubectl('apply --server-side -f -', map('moved', '2'))).toContain('serverside-applied');
    expect(await refused('apply --server-side --field-manager=other -f -', map('moved', '3'))).toMatch(
      /conflict with "kubectl"/,
    );
  });

  it('takes away what is no longer applied: by a list of kinds, and by an ApplySet', async () => {
    await kubectl('apply -f -', map('kept'), map('pruned').replace('name: pruned', 'name: pruned\n  labels: {set: a}'));
    const kept = map('kept').replace('name: kept', 'name: kept\n  labels: {set: a}');
    expect(await kubectl('apply --prune -l set=a --prune-allowlist=core/v1/ConfigMap -f {file}', kept)).toContain(
      'configmap/pruned pruned',
    );
    const applySet = { KUBECTL_APPLYSET: 'true' };
    const words = 'apply -n shop --prune --applyset=mine -f {file}';
    expect((await run(words, [map('a'), map('b')], applySet)).code).toBe(0);
    expect((await run(words, [map('a')], applySet)).stdout).toContain('configmap/b pruned');
    expect(await kubectl('get cm -n shop -o name')).toBe('configmap/a\n');
  });

  it('deletes by every policy', async () => {
    for (const policy of ['background', 'foreground', 'orphan']) {
      await kubectl('create -f -', map(policy));
      expect(await kubectl(`delete cm ${policy} --cascade=${policy}`)).toContain('deleted');
    }
    expect(await kubectl('create ns brief')).toContain('created');
    expect(await kubectl('delete ns brief --timeout=30s')).toContain('deleted');
  });
});

describe.runIf(hasKubectl)('kubectl asks', () => {
  it('who it is and what it may do, in protobuf where it likes that', async () => {
    expect(await kubectl('auth whoami')).toMatch(/Username +admin/);
    expect(await kubectl('auth can-i create instances')).toBe('yes\n');
    const { token } = await asKey(daemon, 'viewer', { userId: 'anna', role: 'view', namespaces: ['shop'] });
    const as = (words: string) => run(`${words} --token=${token}`, []);
    // The kubeconfig has the administrator's; the flag goes before it.
    expect((await as('auth whoami')).stdout).toMatch(/Username +anna/);
    expect((await as('auth can-i list pods -n shop')).stdout).toBe('yes\n');
    expect((await as('auth can-i create pods --subresource=exec -n shop')).stdout).toMatch(
      /^no - the key "viewer" does not allow it/,
    );
    expect((await as('auth can-i --list -n shop')).stdout).toMatch(
      /instances.miniaws.dev +\[\] +\[\] +\[get list watch\]/,
    );
    const listed = await as('get cm -A -o name');
    expect([listed.code, listed.stdout]).toEqual([0, 'configmap/a\n']);
    expect((await as('get secrets -n shop')).stderr).toContain('User "anna" cannot list resource "secrets"');
  });
});
