import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LABEL } from '../../src/drivers/labels.ts';
import { Cloud } from '../support/cloud.ts';
import { instance, vpc } from '../support/manifests.ts';
import { eventually } from '../support/wait.ts';

let cloud: Cloud;
beforeAll(async () => {
  cloud = await Cloud.start();
});
afterAll(() => cloud?.close());

const TEN = Array.from({ length: 10 }, (_, i) => `i-${i}`);
const spec = (more: object = {}) => ({ image: cloud.image, vpc: 'net', stopGracePeriod: '0s', ...more });
/** kill -9 as soon as the world is somewhere in the middle. */
const crashWhen = async (what: string, isThere: () => Promise<boolean>) => {
  await eventually(what, isThere);
  await cloud.crash();
};
const count = async (state?: string) => (await cloud.containers()).filter((c) => !state || c.State === state).length;

describe('a daemon that is killed with -9 and started again (F1, I3)', () => {
  it('in the middle of ten instances being created ends with exactly ten', async () => {
    await cloud.apply(vpc('net', { cidrBlock: '10.215.9.0/24' }), ...TEN.map((name) => instance(name, spec())));
    await crashWhen('three containers', async () => (await count()) >= 3);
    await cloud.judge(['net'], TEN);
    const containers = await cloud.containers();
    expect(new Set(containers.map((c) => c.Labels[LABEL.uid])).size).toBe(10);
    expect(new Set(containers.map((c) => Object.values(c.NetworkSettings.Networks)[0]?.IPAddress)).size).toBe(10);
  });

  it('in the middle of a recreate of them', async () => {
    const before = new Set((await cloud.containers()).map((c) => c.Id));
    await cloud.apply(...TEN.map((name) => instance(name, spec({ env: { ROUND: '2' } }))));
    await crashWhen('the first new container', async () => (await cloud.containers()).some((c) => !before.has(c.Id)));
    await cloud.judge(['net'], TEN);
    for (const { Id } of await cloud.containers())
      expect((await cloud.handle({ Id }).inspect()).Config.Env).toContain('ROUND=2');
  });

  it('three times over, in the middle of whatever there is to do', async () => {
    for (const round of ['3', '4', '5']) {
      await cloud.apply(...TEN.map((name) => instance(name, spec({ env: { ROUND: round } }))));
      await cloud.crash();
    }
    await cloud.judge(['net'], TEN);
    for (const { Id } of await cloud.containers())
      expect((await cloud.handle({ Id }).inspect()).Config.Env).toContain('ROUND=5');
  });

  it('changes nothing that runs, when there is nothing to do', async () => {
    const started = async () =>
      (await Promise.all((await cloud.containers()).map((c) => cloud.handle(c).inspect())))
        .map((c) => c.State.StartedAt)
        .sort();
    const before = await started();
    await cloud.crash();
    await cloud.judge(['net'], TEN);
    expect(await started()).toEqual(before);
  });

  it('in the middle of a delete leaves nothing, and no document outlives its container (I14)', async () => {
    await cloud.remove('vpcs', 'net');
    await cloud.remove('instances', ...TEN);
    await crashWhen('the first removal', async () => (await count()) < 10);
    await cloud.gone('instances', ...TEN);
    await cloud.gone('vpcs', 'net');
    expect([await cloud.containers(), await cloud.networks()]).toEqual([[], []]);
    expect(await cloud.database.query('SELECT name FROM instances WHERE deleted_at IS NULL')).toEqual([]);
    expect(await cloud.database.query("SELECT name FROM resources WHERE kind NOT IN ('ApiKey', 'Namespace')")).toEqual(
      [],
    );
  });
});
