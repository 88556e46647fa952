import { describe, expect, it } from 'vitest';
import type { Action } from '../../src/proof/scenario.ts';
import { mainVpc } from '../kinds/vpc/scenarios.ts';
import { instance, live, putRight, readiness, SLOWEST_MS } from './support/mistakes.ts';
import type { Mistake } from './support/mistakes.ts';

const url = 'https://git.example/app.git';
const file = (document: object): string => JSON.stringify({ apiVersion: 'miniaws.dev/v1', ...document });
const FILES = { 'deploy/vpc.yaml': file(mainVpc), 'deploy/web.yaml': file(instance('web')) };
const push = (files: Record<string, string> | undefined): Action => ({ push: files, url });
const app = (spec: object = {}, name = 'app'): Action => ({
  apply: { kind: 'GitSync', metadata: { name }, spec: { url, path: 'deploy', interval: '5s', ...spec } },
});
const says = (reason: string, message: RegExp, name = 'app') => ({ kind: 'GitSync', name, reason, message });

const MISTAKES: readonly Mistake[] = [
  {
    name: 'a branch that does not exist',
    wrong: [push(FILES), app({ ref: { branch: 'mian' } })],
    says: says('FetchFailed', /has no refs\/heads\/mian: correct spec.ref/),
    right: [app()],
    fresh: [push(FILES), app()],
  },
  {
    name: 'a folder that does not exist',
    wrong: [push(FILES), app({ path: 'deplyo' })],
    says: says('FetchFailed', /deplyo/),
    right: [app()],
    fresh: [push(FILES), app()],
  },
  {
    name: 'a Secret that does not exist',
    wrong: [push(FILES), app({ credentials: 'token' })],
    says: says('CredentialsNotFound', /Secret default\/token \(spec.credentials\) does not exist; create it/),
    right: [{ apply: { kind: 'Secret', metadata: { name: 'token' }, data: { password: 'eHl6' } } }],
    fresh: [
      push(FILES),
      { apply: { kind: 'Secret', metadata: { name: 'token' }, data: { password: 'eHl6' } } },
      app({ credentials: 'token' }),
    ],
  },
  {
    name: 'a file that is no YAML',
    wrong: [push({ ...FILES, 'deploy/bad.yaml': 'kind: [' }), app()],
    says: says('InvalidRevision', /deploy\/bad.yaml:1:\d+: .*nothing was applied/),
    right: [push(FILES)],
    fresh: [push(FILES), app()],
  },
  {
    name: 'an instance in a VPC that nobody has',
    wrong: [push({ 'deploy/web.yaml': FILES['deploy/web.yaml'] }), app({ timeout: '30s' })],
    says: says('HealthCheckFailed', /Instance default\/web: .*main/),
    right: [push(FILES)],
    fresh: [push(FILES), app({ timeout: '30s' })],
  },
  {
    name: 'an immutable field that is changed',
    wrong: [
      { apply: mainVpc },
      push({ ...FILES, 'deploy/vpc.yaml': file({ ...mainVpc, spec: { cidrBlock: '10.99.0.0/24' } }) }),
      app(),
    ],
    says: says('InvalidRevision', /deploy\/vpc.yaml:1:\d+: spec.cidrBlock: .*nothing was applied/),
    right: [push(FILES)],
    fresh: [{ apply: mainVpc }, push(FILES), app()],
  },
  {
    name: 'one object in two syncs',
    // Whoever is first has it.
    wrong: [push(FILES), app(), app({ dependsOn: ['app'] }, 'twin')],
    says: says('Conflict', /is kept by GitSync default\/app, and GitSync default\/twin has it too/, 'twin'),
    right: [{ delete: 'GitSync/default/twin' }],
    fresh: [push(FILES), app()],
  },
  {
    name: 'a sync that depends on one that does not exist',
    wrong: [push(FILES), app({ dependsOn: ['base'] })],
    says: says('DependencyNotReady', /waits for GitSync base to be Ready/),
    right: [app({ dependsOn: [] })],
    fresh: [push(FILES), app({ dependsOn: [] })],
  },
];

describe('mistakes with syncs are said, cost little, and are put right (F10)', () => {
  it.each(MISTAKES)('$name', async (mistake) => {
    await putRight(mistake);
  });

  it('what is deleted by hand first, or while its VPC goes, is made again', async () => {
    const { daemon } = await live();
    daemon.push(url, FILES);
    await daemon.apply({ kind: 'GitSync', metadata: { name: 'app' }, spec: { url, path: 'deploy', interval: '5s' } });
    await daemon.settle(SLOWEST_MS);
    await daemon.delete('VPC/default/main');
    await daemon.delete('Instance/default/web');
    await daemon.settle(SLOWEST_MS);
    expect(readiness(daemon, 'Instance', 'web').status).toBe('True');
    expect(readiness(daemon, 'GitSync', 'app').reason).toBe('Synced');
  });
});
