import { RECOMMENDATIONS } from '../../../src/kinds/scaling-group/recommendations.ts';
import { describe, expect, it, onTestFinished } from 'vitest';
import { findCondition } from '../../../src/api/metadata.ts';
import type { ScalingGroup } from '../../../src/kinds/scaling-group/types.ts';
import { isRunning } from '../../../src/drivers/simulated/objects.ts';
import { breathe } from '../../../src/proof/manual-clock.ts';
import { World } from '../../../src/proof/world.ts';
import type { WorldDaemon } from '../../../src/proof/world.ts';

const INTERVAL = 10_000;
const SECOND = 1_000;
const MINUTE = 60 * SECOND;

const policy = { name: 'load', metric: 'cpu', target: 50 };
const document = (spec: object = {}) => ({
  kind: 'ScalingGroup',
  metadata: { name: 'web' },
  spec: {
    minInstances: 1,
    maxInstances: 10,
    policies: [policy],
    strategy: { minReadySeconds: 0 },
    template: { spec: { image: 'app:1', resources: { cpus: 1 } } },
    ...spec,
  },
});

/** A group whose instances share `cores` of work evenly, whatever their number. */
class Site {
  readonly world = new World({ metricsIntervalMs: INTERVAL });
  daemon!: WorldDaemon;
  cores = 0.5;

  static async open(spec: object = {}): Promise<Site> {
    const site = new Site();
    site.world.meter.load = () => ({ cpuCores: Math.min(1, site.cores / site.running), memoryBytes: 2 ** 20 });
    site.daemon = await site.world.start();
    onTestFinished(() => site.daemon.stop());
    await site.daemon.apply(document(spec));
    await site.pass(MINUTE);
    return site;
  }

  get running(): number {
    return [...this.world.engine.containers.values()].filter(isRunning).length;
  }

  get group(): ScalingGroup {
    return this.daemon.get('ScalingGroup', 'web') as ScalingGroup;
  }

  condition(type: string): string | undefined {
    const found = findCondition(this.group, type);
    return found && `${found.status} ${found.reason}`;
  }

  /** Time passes, and whatever is due is done. @returns every count that there was, in its order. */
  async pass(ms: number): Promise<number[]> {
    const counts = [this.running];
    for (let left = ms; left > 0; left -= SECOND) {
      await this.world.clock.advance(Math.min(left, SECOND));
      for (let i = 0; i < 50 && !this.daemon.manager.idle(); i++) await breathe();
      if (counts.at(-1) !== this.running) counts.push(this.running);
    }
    return counts;
  }

  /** The daemon is killed, and another takes over. */
  async crash(): Promise<void> {
    this.daemon.die();
    this.daemon = await this.world.start();
  }
}

describe('a group that follows its load', () => {
  it('scales out at once, says who did it and why, and does not swing at a constant load', async () => {
    const site = await Site.open();
    expect([site.running, site.condition('ScalingActive')]).toEqual([1, 'True Evaluating']);
    site.cores = 2;
    const counts = await site.pass(10 * MINUTE);
    expect(counts).toEqual(counts.toSorted((a, b) => a - b));
    expect(site.running).toBe(4);
    expect(site.group.status).toMatchObject({
      effective: { desiredCount: 4 },
      scaled: { by: 'policy/load', why: expect.stringMatching(/^load: cpu is at [\d.]+ %, target 50 %$/) },
    });
    const events = (await site.daemon.store.events({ kind: 'ScalingGroup', limit: 100 })).items;
    expect(events.map(({ record }) => `${record.reason} ${record.message}`)).toContainEqual(
      expect.stringMatching(/^ScaledByPolicy set the desired count from 1 to 2: load: cpu is at /),
    );
  });

  it('scales in after five minutes in which nothing more was needed, also over a crash', async () => {
    const site = await Site.open({ desiredCount: 4 });
    site.cores = 2;
    await site.pass(2 * MINUTE);
    site.cores = 0.4;
    expect(await site.pass(2 * MINUTE)).toEqual([4]);
    expect(site.condition('ScalingLimited')).toBe('True ScaleInWindow');
    await site.crash();
    // The window of the one before goes on: it neither begins anew nor is it forgotten.
    expect(await site.pass(2 * MINUTE)).toEqual([4]);
    await site.pass(90 * SECOND);
    expect(site.running).toBe(1);
    expect(site.group.status?.scaled?.by).toBe('policy/load');
  });

  it('holds while nothing is known, and never scales in for it', async () => {
    const site = await Site.open({ desiredCount: 3 });
    site.world.meter.isBlind = true;
    site.cores = 0.1;
    expect(await site.pass(20 * MINUTE)).toEqual([3]);
    expect(site.condition('ScalingActive')).toBe('False NoMetrics');
    site.world.meter.isBlind = false;
    await site.pass(6 * MINUTE);
    expect([site.running, site.condition('ScalingActive')]).toEqual([1, 'True Evaluating']);
  });

  it('stays within its bounds, and says that it would want more', async () => {
    const site = await Site.open({ maxInstances: 3 });
    site.cores = 9;
    await site.pass(3 * MINUTE);
    expect([site.running, site.condition('ScalingLimited')]).toEqual([3, 'True TooManyInstances']);
  });

  it('yields to a pin and to suspension, and goes on afterwards', async () => {
    const site = await Site.open();
    const until = new Date(site.world.clock.now().getTime() + 5 * MINUTE).toISOString();
    await site.daemon.apply(document({ pin: { desiredCount: 2, until } }));
    site.cores = 3;
    expect(await site.pass(4 * MINUTE)).toEqual([1, 2]);
    expect(site.condition('ScalingActive')).toBe('False Pinned');
    await site.daemon.apply(document({ suspend: ['AlarmNotification'] }));
    await site.pass(4 * MINUTE);
    expect([site.running, site.condition('ScalingActive')]).toEqual([1, 'False Suspended']);
    await site.daemon.apply(document());
    await site.pass(3 * MINUTE);
    expect(site.running).toBe(6);
  });

  it('a person’s count is the one that it goes on from; 0 is let be', async () => {
    const site = await Site.open();
    site.cores = 2;
    await site.pass(3 * MINUTE);
    await site.daemon.apply(document({ desiredCount: 8 }), 'person', true);
    expect((await site.pass(MINUTE)).at(-1)).toBe(8);
    await site.pass(6 * MINUTE);
    expect(site.running).toBe(4);
    await site.daemon.apply(document({ desiredCount: 0, minInstances: 0 }), 'person', true);
    await site.pass(10 * MINUTE);
    expect([site.running, site.condition('ScalingActive')]).toEqual([0, 'False ScalingDisabled']);
  });

  it('YAML without a count leaves it to the policy; one with another count is a conflict', async () => {
    const site = await Site.open();
    site.cores = 2;
    await site.pass(3 * MINUTE);
    await site.daemon.apply(document());
    expect(site.group.spec.desiredCount).toBe(4);
    await expect(site.daemon.apply(document({ desiredCount: 1 }))).rejects.toThrow(
      /conflict.*policy\/load.*desiredCount/s,
    );
  });

  it('a step policy rests after a change', async () => {
    const steps = [{ lowerBound: 60, adjustment: 1 }];
    const site = await Site.open({ policies: [{ name: 'step', type: 'Step', metric: 'cpu', steps, cooldown: '2m' }] });
    site.cores = 6;
    expect(await site.pass(100 * SECOND)).toEqual([1, 2]);
    expect(site.condition('ScalingActive')).toBe('True CoolingDown');
    expect(await site.pass(2 * MINUTE)).toEqual([2, 3]);
  });

  it('while nothing changes nothing is written but the recommendations (I2)', async () => {
    const site = await Site.open();
    await site.pass(6 * MINUTE);
    const before = site.daemon.fingerprint();
    await site.pass(10 * MINUTE);
    expect(site.daemon.fingerprint()).toBe(before);
    const { uid } = site.group.metadata;
    expect((await site.daemon.store.beside(RECOMMENDATIONS).since(uid, new Date(0))).length).toBeGreaterThan(30);
  });
});

describe('what no policy can be', () => {
  it.each<[string, object, string]>([
    [
      'a target that is left out',
      { target: undefined },
      'spec.policies[0].target: a TargetTracking policy needs a target',
    ],
    ['steps and a target', { type: 'Step', steps: [{ lowerBound: 1, adjustment: 1 }] }, 'a Step policy has steps'],
    ['no steps', { type: 'Step', target: undefined }, 'needs at least one step'],
    [
      'a step without bounds',
      { type: 'Step', target: undefined, steps: [{ adjustment: 1 }] },
      'spec.policies[0].steps[0]',
    ],
    [
      'steps that overlap',
      {
        type: 'Step',
        target: undefined,
        steps: [
          { lowerBound: 50, adjustment: 1 },
          { lowerBound: 80, adjustment: 2 },
        ],
      },
      'two steps hold at 80',
    ],
    ['memory without a limit', { metric: 'memory' }, 'set template.spec.resources.memory'],
    ['an unknown metric', { metric: 'disk' }, 'spec.policies[0].metric'],
  ])('%s', async (_what, more, words) => {
    const world = new World();
    const daemon = await world.start();
    onTestFinished(() => daemon.stop());
    const given = Object.fromEntries(Object.entries({ ...policy, ...more }).filter(([, value]) => value !== undefined));
    await expect(daemon.apply(document({ policies: [given] }))).rejects.toThrow(words);
  });
});
