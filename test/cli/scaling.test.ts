import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ScalingGroup } from '../../src/kinds/scaling-group/types.ts';
import { startDaemon } from '../support/daemon.ts';
import type { TestDaemon } from '../support/daemon.ts';
import { call } from '../support/http.ts';
import { pathOf } from '../support/manifests.ts';
import { run } from './support.ts';

let daemon: TestDaemon;
beforeAll(async () => {
  daemon = await startDaemon({ engine: 'simulated', env: { MINIAWS_METRICS_INTERVAL: '0' } });
});
afterAll(() => daemon?.stop());

const miniaws = (args: readonly string[], stdin = '') => run(args, { kubeconfig: daemon.kubeconfigPath, stdin });
const group = (image: string) => `apiVersion: miniaws.dev/v1
kind: ScalingGroup
metadata: { name: web }
spec:
  minInstances: 1
  maxInstances: 5
  strategy: { minReadySeconds: 0 }
  template: { spec: { image: "${image}" } }
`;
const path = `${pathOf('scalinggroups')}/web`;
const groupNow = async () => (await call(daemon, 'GET', path)).json<ScalingGroup>();
const apply = (image: string) => miniaws(['apply', '-f', '-', '--wait'], group(image));

describe('a group in a person’s hands', () => {
  it('is scaled by its name, waits, and refuses what is out of range with the range', async () => {
    expect((await apply('app:1')).code).toBe(0);
    expect(await miniaws(['scale', 'web', '3', '--wait'])).toMatchObject({
      code: 0,
      out: expect.stringContaining('scalinggroup.miniaws.dev/web scaled to 3') as string,
    });
    expect((await groupNow()).status).toMatchObject({ readyCount: 3, scaled: { by: 'miniaws-scale' } });
    const refused = await miniaws(['scale', 'web', '9']);
    expect([refused.code, refused.err]).toEqual([1, expect.stringContaining('9 is outside 1 to 5') as string]);
    expect((await miniaws(['scale', 'instance/web-0', '2'])).err).toContain('only scaling groups have');
    expect((await miniaws(['scale', 'web'])).err).toContain('say how many');
    expect((await apply('app:1')).code).toBe(0);
    expect((await groupNow()).spec.desiredCount).toBe(3);
  });

  it('is pinned for a time; a count without an end ends the pin', async () => {
    expect((await miniaws(['scale', 'web', '2', '--for', '2h', '--wait'])).out).toMatch(/scaled to 2 until 20/);
    expect((await groupNow()).status?.effective?.desiredCount).toBe(2);
    await miniaws(['scale', 'web', '1', '--wait']);
    expect((await groupNow()).spec).toMatchObject({ desiredCount: 1 });
    expect((await groupNow()).spec.pin).toBeUndefined();
  });

  it('shows the history of its templates with what each changed, and goes back to one', async () => {
    expect((await apply('app:2')).code).toBe(0);
    const { out } = await miniaws(['history', 'web']);
    expect(out).toMatch(/^revision 2 \(current\) .*completed.*\n/);
    expect(out).toContain('-  image: app:1\n');
    expect(out).toContain('+  image: app:2\n');
    expect((await miniaws(['history', 'web', '--revision', '1'])).out).toContain('image: app:1');
    expect((await miniaws(['rollback', 'web', '--wait'])).out).toContain('rolled back to revision 1');
    expect((await groupNow()).spec.template.spec.image).toBe('app:1');
    expect((await groupNow()).status?.revision).toBe(3);
    expect((await miniaws(['rollback', 'web', '--to-revision', '9'])).err).toContain('has no revision 9; it has 2, 3');
  });
});

describe('/scale', () => {
  it('reads and writes the count as every client that scales does', async () => {
    const body = (await call(daemon, 'GET', `${path}/scale`)).json();
    expect(body).toMatchObject({
      kind: 'Scale',
      apiVersion: 'autoscaling/v1',
      spec: { replicas: 1 },
      status: { replicas: 1, selector: 'miniaws.dev/scaling-group=web' },
    });
    const headers = { 'content-type': 'application/merge-patch+json' };
    const patch = { body: { spec: { replicas: 2 } }, headers };
    expect((await call(daemon, 'PATCH', `${path}/scale`, patch)).json()).toMatchObject({ spec: { replicas: 2 } });
    expect((await groupNow()).spec.desiredCount).toBe(2);
    const stale = { ...body, spec: { replicas: 4 } };
    expect((await call(daemon, 'PUT', `${path}/scale`, { body: stale })).status).toBe(409);
    expect((await call(daemon, 'PATCH', `${path}/scale`, { ...patch, body: { spec: { replicas: -1 } } })).status).toBe(
      422,
    );
    expect((await call(daemon, 'PATCH', `${path}/scale`, { ...patch, body: { spec: { replicas: 9 } } })).status).toBe(
      422,
    );
    expect((await call(daemon, 'GET', `${pathOf('instances')}/web-0/scale`)).status).toBe(404);
  });

  it.skipIf(spawnSync('kubectl', ['version', '--client']).error)('kubectl scale', async () => {
    const kubectl = (...args: string[]) =>
      spawnSync('kubectl', ['--kubeconfig', daemon.kubeconfigPath, ...args], { encoding: 'utf8' });
    expect(kubectl('scale', 'scalinggroup/web', '--replicas=3').stdout).toContain('scaled');
    expect((await groupNow()).spec.desiredCount).toBe(3);
  });
});
