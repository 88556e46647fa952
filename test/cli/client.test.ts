import { readFile, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startDaemon } from '../support/daemon.ts';
import type { TestDaemon } from '../support/daemon.ts';
import { filesOf, run, start, written } from './support.ts';
import type { Resource } from '../../src/api/metadata.ts';
import type { Ran } from './support.ts';
import { makeNamespaces } from '../support/namespaces.ts';
import { eventually } from '../support/wait.ts';

let daemon: TestDaemon;
beforeAll(async () => {
  daemon = await startDaemon({ engine: 'simulated' });
});
afterAll(() => daemon.stop());

const miniaws = (...args: string[]): Promise<Ran> => run(args, { kubeconfig: daemon.kubeconfigPath });
const begin = (...args: string[]) => start(args, { kubeconfig: daemon.kubeconfigPath });

let nextRange = 0;
const vpc = (name: string) => `
apiVersion: miniaws.dev/v1
kind: VPC
metadata:
  name: ${name}
spec:
  cidrBlock: 10.${60 + nextRange++}.0.0/24
`;
const instance = (name: string, inVpc: string, more = '') => `
apiVersion: miniaws.dev/v1
kind: Instance
metadata:
  name: ${name}
  labels: {app: ${name}}
spec:
  image: nginx:1.27
  vpc: ${inVpc}
${more}`;

test('apply, in any order of the file: created, ready, unchanged, configured; then deleted and gone (I2, I14)', async () => {
  const folder = await filesOf({ 'a.yaml': `${instance('one', 'first')}---${vpc('first')}` });
  const made = await miniaws('apply', '-f', folder, '--wait');
  expect(made.err).not.toMatch(/error/);
  expect(made).toMatchObject({
    code: 0,
    out: 'vpc.miniaws.dev/first created\ninstance.miniaws.dev/one created\n',
  });
  const again = await miniaws('apply', '-f', folder, '--wait');
  expect(again).toEqual({
    code: 0,
    out: 'vpc.miniaws.dev/first unchanged\ninstance.miniaws.dev/one unchanged\n',
    err: '',
  });
  await writeFile(join(folder, 'a.yaml'), instance('one', 'first', '  env: {COLOR: red}\n'));
  expect((await miniaws('apply', '-f', folder, '--wait')).out).toBe('instance.miniaws.dev/one configured\n');
  const gone = await miniaws('delete', 'vpc/first', 'instance/one');
  expect(gone).toMatchObject({ code: 0, out: 'instance.miniaws.dev/one deleted\nvpc.miniaws.dev/first deleted\n' });
  expect(await miniaws('get', 'vpc,instance', '-l', 'app=one')).toMatchObject({ code: 0, out: '' });
});

test('a namespace and what is in it may be of one file: rehearsed as one, made in order, deleted together', async () => {
  const inShop = (text: string) => text.replace('metadata:\n', 'metadata:\n  namespace: shop\n');
  const space = (quota: string) => `apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\nspec: {quota: ${quota}}\n`;
  const both = `${inShop(instance('two', 'net'))}---${inShop(vpc('net'))}---\n`;
  const folder = await filesOf({ 'a.yaml': `${both}${space('{instances: few}')}` });
  const refused = await miniaws('apply', '-f', folder);
  expect(refused.err).toMatch(/spec\.quota\.instances: expected a whole number.*nothing was changed/s);
  expect((await miniaws('get', 'ns', 'shop')).code).not.toBe(0);
  await writeFile(join(folder, 'a.yaml'), `${both}${space('{instances: 1}')}`);
  const shown = await miniaws('diff', '-f', folder);
  expect(shown.err).toBe('');
  expect(shown.out).toContain('+kind: Namespace');
  expect(shown.out).toContain('+  namespace: shop');
  const made = await miniaws('apply', '-f', folder, '--wait');
  expect(made).toMatchObject({
    code: 0,
    out: 'namespace/shop created\nvpc.miniaws.dev/net created\ninstance.miniaws.dev/two created\n',
  });
  const gone = await miniaws('delete', '-f', folder);
  expect(gone.code).toBe(0);
  expect((await miniaws('get', 'ns', 'shop')).code).not.toBe(0);
});

test('a bad document: nothing is applied, and every problem is told at its place (I13)', async () => {
  const folder = await filesOf({
    'bad.yaml': `${vpc('never')}---${instance('never', 'never', '  ports: ["80:80", "x:y"]\n  restartPolcy: Always\n')}`,
    'worse.yaml': 'kind: [',
  });
  const { code, err } = await miniaws('apply', '-f', folder);
  expect(code).toBe(1);
  expect(err).toContain('bad.yaml:18:3: spec.restartPolcy: unknown field; did you mean "restartPolicy"?');
  expect(err).toMatch(/worse\.yaml:1:\d+: /);
  expect(err).toContain('nothing was changed');
  expect((await miniaws('get', 'vpc', 'never')).code).toBe(1);
});

test("what only the server can refuse changes nothing either, and is told at the YAML's place (I13)", async () => {
  const folder = await filesOf({
    'a.yaml': vpc('holder'),
  });
  const range = nextRange - 1;
  expect((await miniaws('apply', '-f', join(folder, 'a.yaml'))).code).toBe(0);
  await writeFile(
    join(folder, 'b.yaml'),
    `${vpc('fine')}---\napiVersion: miniaws.dev/v1\nkind: VPC\nmetadata: {name: overlapping}\nspec: {cidrBlock: 10.${60 + range}.0.0/20}\n`,
  );
  const { code, out, err } = await miniaws('apply', '-f', join(folder, 'b.yaml'));
  expect({ code, out }).toEqual({ code: 1, out: '' });
  expect(err).toMatch(/b\.yaml:12:19: spec\.cidrBlock: 10\.\d+\.0\.0\/20 overlaps/);
  expect((await miniaws('get', 'vpc', 'fine')).code).toBe(1);
  await miniaws('delete', 'vpc', 'holder');
});

test('two documents of one batch that exclude each other are refused before the first is made (I13)', async () => {
  const ports = '  ports: ["18080:80"]\n';
  const folder = await filesOf({
    'a.yaml': `${vpc('clash')}---${instance('c1', 'clash', ports)}---${instance('c2', 'clash', ports)}`,
  });
  const { code, out, err } = await miniaws('apply', '-f', folder);
  expect({ code, out }).toEqual({ code: 1, out: '' });
  expect(err).toContain('spec.ports[0]: host port 18080 is taken by Instance default/c1');
});

test('--dry-run changes nothing; diff shows the spec and the plan and exits 1; 0 without a difference; 2 on error', async () => {
  const folder = await filesOf({ 'a.yaml': `${vpc('plans')}---${instance('planned', 'plans')}` });
  expect((await miniaws('apply', '-f', folder, '--dry-run')).out).toContain('planned created (server dry run)');
  expect((await miniaws('get', 'instance', 'planned')).code).toBe(1);
  const before = await miniaws('diff', '-f', folder);
  expect(before).toMatchObject({ code: 1, err: '' });
  expect(before.out).toContain('+  image: nginx:1.27');
  await miniaws('apply', '-f', folder, '--wait');
  expect(await miniaws('diff', '-f', folder)).toEqual({ code: 0, out: '', err: '' });
  await writeFile(join(folder, 'a.yaml'), instance('planned', 'plans').replace('1.27', '1.28'));
  const { code, out } = await miniaws('diff', '-f', folder);
  expect(code).toBe(1);
  expect(out).toContain('-  image: nginx:1.27\n+  image: nginx:1.28');
  expect(out).toMatch(/plan:\n {2}\S.*\(.*image/);
  expect((await miniaws('diff', '-f', join(folder, 'missing.yaml'))).code).toBe(2);
  await miniaws('delete', 'instance/planned', 'vpc/plans');
});

test('get in every form', async () => {
  const folder = await filesOf({ 'a.yaml': `${vpc('forms')}---${instance('shown', 'forms')}` });
  await miniaws('apply', '-f', folder, '--wait');
  expect((await miniaws('get', 'inst', 'shown')).out).toMatch(/^NAME +IMAGE .*\nshown +nginx:1\.27 +forms +Running/);
  expect((await miniaws('get', 'instances', '-A', '-o', 'wide')).out).toMatch(
    /^NAMESPACE +NAME.*CONTAINER.*\ndefault +shown/,
  );
  expect((await miniaws('get', 'vpc,instance', '-o', 'name')).out).toContain('instance.miniaws.dev/shown');
  const yaml = (await miniaws('get', 'instance/shown', '-o', 'yaml')).out;
  expect(yaml).toMatch(/^apiVersion: .*\nkind: Instance\nmetadata:\n {2}name: shown\n/);
  expect(yaml).not.toContain('managedFields');
  expect((await miniaws('get', 'instance/shown', '-o', 'yaml', '--show-managed-fields')).out).toContain(
    'managedFields',
  );
  expect(JSON.parse((await miniaws('get', 'instances', '-o', 'json')).out)).toMatchObject({ kind: 'List' });
  expect((await miniaws('get', 'instance', 'shown', '-o', 'jsonpath={.status.phase}')).out).toBe('Running\n');
  expect((await miniaws('get', 'all')).out).toMatch(/vpc\/forms[^]*instance\/shown/);
  expect((await miniaws('-n', 'empty', 'get', 'vpcs')).err).toBe('No resources found in empty namespace.\n');
  expect(await miniaws('get', 'instnce')).toMatchObject({
    code: 1,
    err: expect.stringContaining('did you mean "instance"'),
  });
  await miniaws('delete', 'all', '--all');
});

test('watches print changes and end with 130 on Ctrl-C', async () => {
  const folder = await filesOf({ 'a.yaml': `${vpc('watched')}---${instance('seen', 'watched')}` });
  const [table, log, events] = [begin('get', 'instances', '-w'), begin('reconcile-log', '-f'), begin('events', '-w')];
  await miniaws('apply', '-f', folder, '--wait');
  await written(table, /seen .*Running/);
  await written(log, /Instance\/default\/seen reconciled/);
  await written(events, 'instance/seen');
  for (const running of [table, log, events]) {
    running.interrupt();
    expect((await running.ended).code).toBe(130);
  }
  await miniaws('delete', '-f', folder);
});

test('why tells of what an instance waits for, and of its VPC when there is one; wait --for says why it timed out', async () => {
  const folder = await filesOf({ 'a.yaml': instance('lonely', 'nowhere') });
  await miniaws('apply', '-f', folder);
  const waited = await miniaws('wait', '--for=condition=Ready', 'instance/lonely', '--timeout', '1s');
  expect(waited.code).toBe(1);
  expect(waited.err).toContain('instance.miniaws.dev/lonely is not ready: ');
  const { code, out } = await miniaws('why', 'instance/lonely');
  expect(code).toBe(0);
  expect(out).toContain('Instance default/lonely is not Ready');
  expect(out).toContain('it refers to VPC default/nowhere, which does not exist');
  expect((await miniaws('describe', 'instance', 'lonely')).out).toMatch(/Conditions:\n[^]*VpcNotReady/);
  await miniaws('delete', 'instance', 'lonely');
  expect((await miniaws('wait', '--for=delete', 'instance/lonely')).code).toBe(0);
});

test('restart --wait, pause and resume', async () => {
  const folder = await filesOf({ 'a.yaml': `${vpc('again')}---${instance('restarted', 'again')}` });
  await miniaws('apply', '-f', folder, '--wait');
  const startedAt = async () => (await miniaws('get', 'instance/restarted', '-o', 'jsonpath={.status.startedAt}')).out;
  const before = await startedAt();
  expect((await miniaws('restart', 'instance/restarted', '--wait')).code).toBe(0);
  expect(await startedAt()).not.toBe(before);
  expect((await miniaws('restart', 'vpc/again')).code).toBe(1);
  await miniaws('pause', 'instance/restarted');
  await writeFile(join(folder, 'a.yaml'), instance('restarted', 'again', '  env: {A: "1"}\n'));
  expect((await miniaws('apply', '-f', folder, '--wait', '--timeout', '500ms')).err).toContain('it is paused');
  await miniaws('resume', 'instance/restarted');
  expect((await miniaws('wait', '--for=condition=Ready', 'instance/restarted')).code).toBe(0);
  await miniaws('delete', 'instance/restarted', 'vpc/again');
});

test('--wait: a process that has done its work is done; what does not become ready is told with the root of it', async () => {
  const job = instance('job', 'jobs', "  command: [sh, -c, 'exit 0']\n  restartPolicy: Never\n");
  const folder = await filesOf({ 'a.yaml': `${vpc('jobs')}---${job}` });
  expect(await miniaws('apply', '-f', folder, '--wait', '--timeout', '30s')).toMatchObject({ code: 0 });
  const paused = vpc('halted').replace('  name: halted', '  name: halted\n  annotations: {miniaws.dev/paused: "true"}');
  await writeFile(join(folder, 'a.yaml'), `${paused}---${instance('behind', 'halted')}`);
  const { code, err } = await miniaws('apply', '-f', join(folder, 'a.yaml'), '--wait', '--timeout', '2s');
  expect(code).toBe(1);
  expect(err).toMatch(
    /instance\.miniaws\.dev\/behind is not ready: .*\n {2}because vpc\.miniaws\.dev\/halted is not ready: it is paused/,
  );
  await miniaws('resume', 'vpc/halted');
});

test('edit: accepted; refused and opened again with the reasons; given up, and then the text is kept with mode 0600', async () => {
  const folder = await filesOf({ 'a.yaml': vpc('drawn') });
  await miniaws('apply', '-f', folder, '--wait');
  const edit = (script: string) =>
    run(['edit', 'vpc/drawn'], {
      kubeconfig: daemon.kubeconfigPath,
      env: { EDITOR: `sh ${join(folder, 'editor.sh')}`, SCRIPT: script, TMPDIR: folder },
    });
  await writeFile(join(folder, 'editor.sh'), 'eval "$SCRIPT"\n');
  expect(await edit('sed -i "s/^  name: drawn/&\\n  labels: {team: blue}/" "$1"')).toMatchObject({
    code: 0,
    out: 'vpc.miniaws.dev/drawn edited\n',
  });
  expect((await miniaws('get', 'vpcs', '-l', 'team=blue', '-o', 'name')).out).toBe('vpc.miniaws.dev/drawn\n');
  expect((await edit('true')).out).toContain('unchanged');
  const refused = await edit(
    'cp "$1" "$(dirname "$0")/seen.txt"; sed -i "s/internetGateway: true/internetGateway: false/" "$1"',
  );
  expect(refused.code).toBe(1);
  const kept = /kept in (\S+)/.exec(refused.err)?.[1] ?? '';
  expect((await stat(kept)).mode & 0o777).toBe(0o600);
  await rm(dirname(kept), { recursive: true });
  expect(await readFile(join(folder, 'seen.txt'), 'utf8')).toMatch(
    /# This was refused:\n# edited:\d+:\d+: spec\.internetGateway: .* cannot change/,
  );
  await miniaws('delete', 'vpc/drawn');
});

test('delete sends every deletion before it waits for any, waits for the dependents, and says what is missing (I14)', async () => {
  const folder = await filesOf({
    'a.yaml': `${vpc('order')}---${instance('d1', 'order')}---${instance('d2', 'order')}`,
  });
  await miniaws('apply', '-f', folder, '--wait');
  const blocked = await miniaws('delete', 'vpc', 'order', '--timeout', '1s');
  expect(blocked.code).toBe(1);
  expect(blocked.err).toMatch(/vpc\.miniaws\.dev\/order is not gone: .*d1/);
  expect((await miniaws('delete', '-f', folder)).code).toBe(0);
  const missing = await miniaws('delete', 'vpc', 'order');
  expect(missing).toMatchObject({ code: 1, err: 'error: vpcs.miniaws.dev "order" not found\n' });
  expect((await miniaws('delete', 'vpc', 'order', '--ignore-not-found')).code).toBe(0);
});

test('a conflict names the other owner and the way out', async () => {
  const folder = await filesOf({ 'a.yaml': `${vpc('owned')}---${instance('shared', 'owned')}` });
  await miniaws('apply', '-f', folder, '--wait');
  await writeFile(join(folder, 'a.yaml'), instance('shared', 'owned').replace('1.27', '1.28'));
  const refused = await miniaws('apply', '-f', folder, '--field-manager', 'robot');
  expect(refused.code).toBe(1);
  expect(refused.err).toMatch(/a\.yaml:8:10: spec\.image: conflict with "miniaws"; use --force-conflicts/);
  expect((await miniaws('apply', '-f', folder, '--field-manager', 'robot', '--force-conflicts')).code).toBe(0);
  await miniaws('delete', 'all', '--all');
});

test('completion: commands, kinds, and names from the server', async () => {
  await miniaws('apply', '-f', await filesOf({ 'a.yaml': vpc('complete-me') }));
  const completed = async (...words: string[]) => (await miniaws('__complete', '--', ...words)).out.trim().split('\n');
  expect(await completed('recon')).toEqual(['reconcile-log']);
  expect(await completed('get', 'v')).toEqual(['vpc/', 'vpcs']);
  expect(await completed('get', 'vpcs', 'com')).toEqual(['complete-me']);
  expect(await completed('why', 'vpc/com')).toEqual(['vpc/complete-me']);
  for (const shell of ['bash', 'zsh', 'fish']) expect((await miniaws('completion', shell)).out).toContain('__complete');
  await miniaws('delete', 'vpc', 'complete-me');
});

test('images: as a table, whole, and in no other form', async () => {
  expect(await miniaws('images')).toMatchObject({ code: 0, out: expect.stringMatching(/^REFERENCE +ID +SIZE +WHOSE/) });
  const { out } = await miniaws('images', '-o', 'json');
  expect(JSON.parse(out)).toMatchObject({ kind: 'ImageList', items: expect.any(Array) });
  expect(await miniaws('images', '-o', 'wide')).toMatchObject({
    code: 1,
    err: expect.stringContaining('yaml and json'),
  });
});

test('orphans, version, logs and exec of what is not there', async () => {
  expect(await miniaws('orphans')).toMatchObject({ code: 0, out: expect.stringContaining('No orphans') });
  expect((await miniaws('version')).out).toMatch(/client 0\.0\.0-test\nserver .* at https:/);
  for (const args of [
    ['logs', 'nobody'],
    ['exec', 'nobody', '--', 'true'],
  ]) {
    const { code, err } = await miniaws(...args);
    expect({ args, code, err }).toMatchObject({ code: 1, err: expect.stringContaining('not found') });
  }
});

test('orphans: a volume that outlived its instance stays until it is asked for by its own flag', async () => {
  const stored = instance('stored', 'stores', '  volumes: [{name: data, mountPath: /data}]\n');
  const folder = await filesOf({ 'a.yaml': `${vpc('stores')}---${stored}` });
  await miniaws('apply', '-f', folder, '--wait');
  await miniaws('delete', '-f', folder);
  const kept = await miniaws('orphans', '--remove', '--yes');
  expect(kept).toMatchObject({ code: 0, err: expect.stringContaining('is a volume and stays') });
  expect(kept.out).toMatch(/^volume .*Volume\/default\/stored$/m);
  expect((await miniaws('orphans', '--remove', '--volumes', '--yes')).out).toMatch(/^volume\/\S+ removed$/m);
  expect((await miniaws('orphans')).out).toContain('No orphans');
});

test('a server that is not there, and a key that is not accepted: what happened, where, what to do', async () => {
  const away = await miniaws('--server', 'https://127.0.0.1:1', 'get', 'vpcs');
  expect(away).toMatchObject({
    code: 1,
    err: 'error: cannot reach https://127.0.0.1:1 (connection refused): is the daemon running? start it with: miniaws up\n',
  });
  expect((await miniaws('--server', daemon.url.replace('https', 'http'), 'get', 'vpcs')).err).toContain('https only');
  const folder = await filesOf({
    config: (await readFile(daemon.kubeconfigPath, 'utf8')).replace(daemon.token, 'wrong'),
  });
  const refused = await run(['get', 'vpcs'], {
    kubeconfig: '/nowhere',
    env: { KUBECONFIG: `/nowhere/else:${folder}/config` },
  });
  expect(refused).toMatchObject({ code: 1, err: expect.stringContaining('miniaws kubeconfig --reset') });
  expect((await run(['get', 'vpcs'], { kubeconfig: '/nowhere' })).err).toContain('no kubeconfig at /nowhere');
});

test('logs and exec: output, input and the exit status of the command', async () => {
  const talk = '  command: [sh, -c, "echo hello from inside; sleep 1000"]\n';
  const folder = await filesOf({ 'a.yaml': `${vpc('inside')}---${instance('talks', 'inside', talk)}` });
  await miniaws('apply', '-f', folder, '--wait');
  expect(await miniaws('logs', 'talks')).toMatchObject({ code: 0, out: 'hello from inside\n' });
  expect(await miniaws('exec', 'talks', '--', 'echo', '-n', 'to you')).toMatchObject({ code: 0 });
  expect(await miniaws('exec', 'talks', '--', 'sh', '-c', 'exit 3')).toEqual({ code: 3, out: '', err: '' });
  const echoed = await run(['exec', '-i', 'talks', '--', 'cat'], {
    kubeconfig: daemon.kubeconfigPath,
    stdin: 'typed\n',
  });
  expect(echoed).toMatchObject({ code: 0, out: 'typed\n' });
  const following = begin('logs', '-f', 'talks');
  await written(following, 'hello from inside');
  following.interrupt();
  expect((await following.ended).code).toBe(130);
  await miniaws('delete', 'instance/talks', 'vpc/inside', '--wait=false');
});

test('logs of several instances, of a group, of an earlier run, and of one that has ended', async () => {
  const talk = "  command: [sh, -c, 'echo one; echo two']\n  restartPolicy: Never\n";
  const group = `
apiVersion: miniaws.dev/v1
kind: ScalingGroup
metadata: {name: crew}
spec:
  vpc: voices
  minInstances: 2
  maxInstances: 2
  template:
    spec:
      image: nginx:1.27
      command: [sh, -c, 'echo hi; sleep 1000']
`;
  const documents = [vpc('voices'), instance('said', 'voices', talk), group];
  const folder = await filesOf({ 'a.yaml': documents.join('---') });
  await miniaws('apply', '-f', folder, '--wait');
  expect(await miniaws('logs', '-f', 'said')).toEqual({ code: 0, out: 'one\ntwo\n', err: '' });
  const sorted = async (...words: string[]) => (await miniaws('logs', ...words)).out.split('\n').toSorted();
  expect(await sorted('scalinggroup/crew')).toEqual(['', '[crew-0] hi', '[crew-1] hi']);
  expect(await sorted('said', 'crew-1')).toEqual(['', '[crew-1] hi', '[said] one', '[said] two']);
  expect(await sorted('-l', 'app=said')).toEqual(['', 'one', 'two']);
  expect(await miniaws('logs', '--previous', 'crew-0')).toMatchObject({
    code: 1,
    err: expect.stringContaining('first of its'),
  });
  await miniaws('restart', 'instance/crew-0', '--wait');
  expect(await miniaws('logs', '--previous', 'crew-0')).toMatchObject({ code: 0, out: 'hi\n' });
  expect((await miniaws('logs', 'crew-0')).out).toBe('hi\nhi\n');
  expect((await miniaws('logs', 'vpc/voices')).err).toContain('vpc/voices is no instance');
  await miniaws('delete', '-f', folder);
});

test('logs -f of a group takes up those that join it, and ends with the group', async () => {
  const group = `
apiVersion: miniaws.dev/v1
kind: ScalingGroup
metadata: {name: choir}
spec:
  vpc: choir
  minInstances: 1
  maxInstances: 3
  template: {spec: {image: nginx:1.27, command: [sh, -c, 'echo la; sleep 1000'], stopGracePeriod: 0s}}
`;
  const folder = await filesOf({ 'a.yaml': `${vpc('choir')}---${group}` });
  await miniaws('apply', '-f', folder, '--wait');
  const heard = begin('logs', '-f', 'scalinggroup/choir');
  await eventually('the first voice', () => heard.out().includes('[choir-0] la'));
  await miniaws('scale', 'choir', '2');
  await eventually('one that joined', () => heard.out().includes('[choir-1] la'));
  await miniaws('delete', '-f', folder);
  expect(await heard.ended).toMatchObject({ code: 0, err: '' });
  expect(heard.out().split('\n').toSorted()).toEqual(['', '[choir-0] la', '[choir-1] la']);
});

test('restart of a scaling group replaces its instances, and the same file applied again leaves that alone', async () => {
  const group = `
apiVersion: miniaws.dev/v1
kind: ScalingGroup
metadata: {name: relay}
spec:
  vpc: relay
  minInstances: 1
  maxInstances: 2
  strategy: {minReadySeconds: 0}
  template: {spec: {image: nginx:1.27}}
`;
  const folder = await filesOf({ 'a.yaml': `${vpc('relay')}---${group}` });
  await miniaws('apply', '-f', folder, '--wait');
  const uids = async () => {
    const { out } = await miniaws('get', 'instances', '-l', 'miniaws.dev/scaling-group=relay', '-o', 'json');
    return (JSON.parse(out) as { items: Resource[] }).items.map((item) => item.metadata.uid);
  };
  const [before] = await uids();
  expect(await miniaws('restart', 'scalinggroup', 'relay', '--wait')).toMatchObject({ code: 0 });
  expect(await uids()).not.toContain(before);
  const { out } = await miniaws('history', 'relay');
  expect(out).toMatch(/revision 2 \(current\).* by miniaws-restart {2}image [0-9a-f]{12} {2}completed/);
  expect((await miniaws('apply', '-f', folder)).out).toContain('scalinggroup.miniaws.dev/relay unchanged');
  await miniaws('delete', '-f', folder);
});

test('a reader that went away ends the command without a word', async () => {
  const gone = begin('get', 'vpcs', '-w', '-o', 'name');
  gone.breakPipe();
  expect(await gone.ended).toMatchObject({ code: 141, err: '' });
});

test('1,000 unchanged documents are found unchanged, without a write (I2)', async () => {
  const documents = [
    vpc('many'),
    ...Array.from({ length: 999 }, (_, i) => instance(`m${i}`, 'many', '  powerState: Stopped\n')),
  ];
  const folder = await filesOf({ 'a.yaml': documents.join('---') });
  await makeNamespaces(daemon, 'many');
  expect((await miniaws('-n', 'many', 'apply', '-f', folder)).code).toBe(0);
  const paths = ['vpcs', 'instances'].map((plural) => `/apis/miniaws.dev/v1/namespaces/many/${plural}`);
  const versions = async () => {
    const lists = await Promise.all(
      paths.map((path) =>
        daemon.client.get<{ items: { metadata: { name: string; generation: number; managedFields: unknown } }[] }>(
          path,
        ),
      ),
    );
    return lists.flatMap((list) => list.items.map(({ metadata: m }) => [m.name, m.generation, m.managedFields]));
  };
  const before = await versions();
  const { code, out, err } = await miniaws('-n', 'many', 'apply', '-f', folder);
  expect({ code, err, unchanged: out.match(/unchanged/g)?.length }).toEqual({ code: 0, err: '', unchanged: 1000 });
  expect(await versions()).toEqual(before);
});
