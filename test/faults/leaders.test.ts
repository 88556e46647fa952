import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Cloud } from '../support/cloud.ts';
import type { TestDaemon } from '../support/daemon.ts';
import { call } from '../support/http.ts';
import { instance, vpc } from '../support/manifests.ts';
import { eventually } from '../support/wait.ts';

let cloud: Cloud;
beforeAll(async () => {
  cloud = await Cloud.start();
  await cloud.apply(vpc('net', { cidrBlock: '10.215.10.0/24' }), instance('base', spec()));
  await cloud.ready('instances', 'base');
});
afterAll(() => cloud?.close());

const spec = (more: object = {}) => ({ image: cloud.image, vpc: 'net', stopGracePeriod: '0s', ...more });
const leads = async (daemon: TestDaemon) => /^miniaws_leader 1$/m.test((await call(daemon, 'GET', '/metrics')).text);
const epoch = async () => Number((await cloud.database.query<{ epoch: string }>('SELECT epoch FROM leases'))[0]?.epoch);
/** Milliseconds of a lease and its next renewal: what a dead leader may cost. */
const LEASE_MS = 2_500;
/** Milliseconds that the same takes on this machine while nothing happens to the leader. */
let undisturbed = 0;

/** Milliseconds from the event until a daemon has acted: made a container that was asked for meanwhile. */
async function takeOver(name: string, event: () => unknown): Promise<number> {
  const began = performance.now();
  await event();
  await cloud.apply(instance(name, spec()));
  await eventually(`a container for ${name}`, async () =>
    (await cloud.containers()).some((c) => c.Labels['miniaws.dev/name'] === name),
  );
  const took = performance.now() - began;
  process.stdout.write(`take-over (${name}): ${Math.round(took)} ms, undisturbed ${Math.round(undisturbed)} ms\n`);
  return took;
}

describe('two daemons on one database (F9, I9)', () => {
  let first: TestDaemon;
  let second: TestDaemon;

  it('both serve, and one leads', async () => {
    first = cloud.daemon;
    second = await cloud.startDaemon();
    expect([await leads(first), await leads(second)]).toEqual([true, false]);
    const { text } = await call(second, 'GET', '/readyz');
    expect(text).toContain('standing by');
    undisturbed = await takeOver('undisturbed', () => undefined);
  });

  it('kill -9 of the leader: the other acts when its lease is over', async () => {
    const before = await epoch();
    expect(await takeOver('after-kill', () => first.kill())).toBeLessThan(LEASE_MS + 5 * undisturbed);
    expect(await leads(second)).toBe(true);
    expect(await epoch()).toBeGreaterThan(before);
    await cloud.judge(['net'], ['base', 'undisturbed', 'after-kill']);
  });

  it('SIGTERM of the leader: the other takes over at once', async () => {
    first = second;
    second = await cloud.startDaemon();
    expect([await leads(first), await leads(second)]).toEqual([true, false]);
    const ended = new Promise((resolve) => first.process.once('exit', resolve));
    expect(await takeOver('after-term', () => first.process.kill('SIGTERM'))).toBeLessThan(LEASE_MS + 5 * undisturbed);
    await ended;
    await cloud.judge(['net'], ['base', 'undisturbed', 'after-kill', 'after-term']);
  });

  it('SIGSTOP of the leader past its lease: when it wakes up, its writes are refused and the world is right', async () => {
    first = second;
    second = await cloud.startDaemon();
    // It is stopped with work in its hands.
    const busy = ['s-0', 's-1', 's-2', 's-3'];
    await cloud.apply(...busy.map((name) => instance(name, spec())));
    await eventually('work under way', async () => (await cloud.containers()).length > 3);
    first.process.kill('SIGSTOP');
    // One that is stopped in the middle of a transaction holds the revision's lock until the database ends it (5 s).
    await eventually('the other one to lead', () => leads(second));
    const reign = await epoch();
    await cloud.ready('instances', ...busy);
    await cloud.apply(instance('base', spec({ env: { BY: 'second' } })));
    await cloud.remove('instances', 'after-kill');
    await cloud.gone('instances', 'after-kill');
    await cloud.ready('instances', 'base');
    first.process.kill('SIGCONT');
    await eventually('the first one to know that it does not lead', async () => !(await leads(first)));
    await eventually('its own word for it', () => first.log().includes('no longer leading'));
    expect(await leads(second)).toBe(true);
    expect(await epoch()).toBe(reign);
    await cloud.judge(['net'], ['base', 'undisturbed', 'after-term', ...busy]);
    expect((await cloud.container('base')).Config.Env).toContain('BY=second');
    // It is as good a stand-by as ever, and serves what the other one wrote.
    expect((await call(first, 'GET', '/apis/miniaws.dev/v1/namespaces/default/instances/after-kill')).status).toBe(404);
    expect(await takeOver('back-again', () => second.kill().then(() => cloud.use(first)))).toBeLessThan(
      LEASE_MS + 5 * undisturbed,
    );
    await cloud.judge(['net'], ['base', 'undisturbed', 'after-term', 'back-again', ...busy]);
  });
});
