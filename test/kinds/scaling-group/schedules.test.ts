import fc from 'fast-check';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { ScalingGroup } from '../../../src/kinds/scaling-group/types.ts';
import { cronComplaint, isTimeZone, runsAround } from '../../../src/base/cron.ts';
import { createTask } from 'node-cron';
import { World } from '../../../src/proof/world.ts';
import type { WorldDaemon } from '../../../src/proof/world.ts';

const HOUR = 3_600_000;

const document = (spec: object = {}) => ({
  kind: 'ScalingGroup',
  metadata: { name: 'web' },
  spec: {
    minInstances: 1,
    maxInstances: 5,
    strategy: { minReadySeconds: 0 },
    template: { spec: { image: 'app:1' } },
    ...spec,
  },
});

/** The world begins on Thursday, 1 January 2026, at midnight in Greenwich. */
const MORNING = { name: 'morning', cron: '0 8 * * 1-5', timeZone: 'Europe/Berlin', minInstances: 3, maxInstances: 8 };
const EVENING = { name: 'evening', cron: '0 20 * * *', timeZone: 'Europe/Berlin', minInstances: 1, maxInstances: 5 };
const NOON = { name: 'noon', cron: '0 12 * * *', desiredCount: 4 };

class Site {
  readonly world = new World();
  daemon!: WorldDaemon;

  static async open(...schedules: object[]): Promise<Site> {
    const site = new Site();
    site.daemon = await site.world.start();
    onTestFinished(() => site.daemon.stop());
    await site.daemon.apply(document({ schedules }));
    await site.daemon.settle();
    return site;
  }

  get group(): ScalingGroup {
    return this.daemon.get('ScalingGroup', 'web') as ScalingGroup;
  }

  get effective(): number[] {
    const { minInstances = 0, maxInstances = 0, desiredCount = 0 } = this.group.status?.effective ?? {};
    return [minInstances, maxInstances, desiredCount];
  }

  get by(): string | undefined {
    return this.group.status?.scaled?.by;
  }

  /** Until a time of the world's clock. */
  async until(time: string): Promise<void> {
    await this.world.clock.advance(Date.parse(time) - this.world.clock.now().getTime());
    await this.daemon.settle(5_000);
  }
}

describe('a group that follows a clock', () => {
  it('has other bounds by day, and its own count again by night; the specification is as it was', async () => {
    const site = await Site.open(MORNING, EVENING);
    expect([site.effective, site.by]).toEqual([[1, 5, 1], 'default']);
    await site.until('2026-01-01T06:59:00Z');
    expect(site.effective).toEqual([1, 5, 1]);
    await site.until('2026-01-01T07:00:00Z');
    expect([site.effective, site.by]).toEqual([[3, 8, 3], 'schedule/morning']);
    expect(site.group.status?.readyCount).toBe(3);
    expect(site.group.status?.schedules?.[0]).toMatchObject({
      lastRun: '2026-01-01T07:00:00.000Z',
      nextRun: '2026-01-02T07:00:00.000Z',
    });
    expect(site.group.spec).toMatchObject({ minInstances: 1, maxInstances: 5, desiredCount: 1 });
    await site.until('2026-01-01T19:00:00Z');
    expect([site.effective, site.group.status?.readyCount]).toEqual([[1, 5, 1], 1]);
  });

  it('a count is set as that schedule’s, and another may follow', async () => {
    const site = await Site.open(NOON);
    await site.until('2026-01-01T12:00:00Z');
    expect([site.group.spec.desiredCount, site.by]).toEqual([4, 'schedule/noon']);
    expect(site.group.status?.scaled?.why).toBe('set to 4 by its run of 2026-01-01T12:00:00.000Z');
    await site.daemon.apply(document({ schedules: [NOON], desiredCount: 2 }), 'person', true);
    await site.daemon.settle(5_000);
    expect([site.effective[2], site.by]).toEqual([2, 'person']);
    const events = (await site.daemon.store.events({ kind: 'ScalingGroup', limit: 100 })).items;
    expect(events.map(({ record }) => record.message)).toContain('carry out schedule noon: desiredCount 4');
  });

  it('what was missed while nobody was there is made up for, once', async () => {
    const site = await Site.open(MORNING, EVENING, NOON);
    site.daemon.die();
    await site.world.clock.advance(3 * 24 * HOUR + 9 * HOUR);
    site.daemon = await site.world.start();
    await site.daemon.settle(5_000);
    // Sunday, 9:00: the last of the bounds was Saturday's evening, the last morning was Friday's.
    expect(site.effective).toEqual([1, 5, 4]);
    expect(site.group.status?.schedules?.map((s) => s.lastRun)).toEqual([
      '2026-01-02T07:00:00.000Z',
      '2026-01-03T19:00:00.000Z',
      '2026-01-03T12:00:00.000Z',
    ]);
    const log = (await site.daemon.store.log({ kind: 'ScalingGroup', limit: 100 })).items;
    const runs = log
      .flatMap(({ record }) => record.steps.map(({ step }) => step))
      .filter((s) => s.includes('schedule'));
    expect(runs).toHaveLength(3);
  });

  it('a schedule that is new has missed nothing, nor has one that was suspended', async () => {
    const site = await Site.open();
    await site.until('2026-01-01T13:00:00Z');
    await site.daemon.apply(document({ schedules: [NOON] }));
    await site.daemon.settle(5_000);
    expect(site.effective).toEqual([1, 5, 1]);
    await site.daemon.apply(document({ schedules: [NOON], suspend: ['ScheduledActions'] }));
    await site.until('2026-01-02T12:30:00Z');
    await site.daemon.apply(document({ schedules: [NOON] }));
    await site.until('2026-01-02T13:30:00Z');
    expect(site.effective).toEqual([1, 5, 1]);
    await site.until('2026-01-03T12:00:00Z');
    expect(site.effective).toEqual([1, 5, 4]);
  });

  it('a pin beats it; what it set holds afterwards', async () => {
    const site = await Site.open();
    const pin = { desiredCount: 2, until: '2026-01-01T18:00:00Z' };
    await site.daemon.apply(document({ schedules: [NOON], pin }));
    await site.until('2026-01-01T12:30:00Z');
    expect(site.effective).toEqual([1, 5, 2]);
    await site.until('2026-01-01T18:00:30Z');
    expect([site.effective, site.by]).toEqual([[1, 5, 4], 'schedule/noon']);
  });

  it('a clock that jumps ahead and back repeats nothing, and the next run comes in its time (F14)', async () => {
    const site = await Site.open(NOON);
    await site.until('2026-01-01T06:00:00Z');
    site.world.clock.jump(12 * HOUR);
    await site.world.clock.advance(2 * 60_000);
    expect(site.effective).toEqual([1, 5, 4]);
    site.world.clock.jump(-12 * HOUR);
    await site.world.clock.advance(2 * 60_000);
    await site.daemon.apply(document({ schedules: [NOON], desiredCount: 1 }), 'person', true);
    await site.until('2026-01-01T11:59:00Z');
    expect(site.effective).toEqual([1, 5, 1]);
    await site.until('2026-01-01T12:01:30Z');
    expect(site.effective).toEqual([1, 5, 4]);
  });

  it('between its runs nothing is written (I2)', async () => {
    const site = await Site.open(MORNING, EVENING);
    await site.until('2026-01-01T07:30:00Z');
    const before = site.daemon.fingerprint();
    await site.until('2026-01-01T18:30:00Z');
    expect(site.daemon.fingerprint()).toBe(before);
  });

  it('a count that some schedule allows is taken at any time, and holds as far as the bounds of the time let it', async () => {
    const site = await Site.open(MORNING, EVENING);
    await site.daemon.apply(document({ schedules: [MORNING, EVENING], desiredCount: 7 }));
    await site.daemon.settle(5_000);
    expect(site.effective).toEqual([1, 5, 5]);
    await expect(site.daemon.apply(document({ schedules: [MORNING, EVENING], desiredCount: 9 }))).rejects.toThrow(
      "9 is outside 1 to 8, the group's minInstances and maxInstances and those of its schedules",
    );
    await site.until('2026-01-01T07:00:00Z');
    expect(site.effective).toEqual([3, 8, 7]);
  });
});

describe('what no schedule can be', () => {
  it.each<[string, object, string]>([
    ['four fields', { cron: '0 8 * *' }, 'spec.schedules[0].cron: "0 8 * *": expected five fields'],
    ['seconds', { cron: '* * * * * *' }, 'expected five fields'],
    ['an hour that is none', { cron: '0 25 * * *' }, 'hour: 25'],
    ['a day that never comes', { cron: '0 0 30 2 *' }, 'impossible day of month'],
    ['a zone that is none', { timeZone: 'Mars/Olympus' }, 'spec.schedules[0].timeZone: "Mars/Olympus" is no time zone'],
    ['nothing to set', { desiredCount: undefined }, 'sets nothing'],
    ['a minimum over the maximum', { minInstances: 6 }, 'its minimum of 6 is more than its maximum of 5'],
    ['a count outside', { desiredCount: 6 }, '6 is outside 1 to 5, which hold then'],
  ])('%s', async (_what, more, words) => {
    const world = new World();
    const daemon = await world.start();
    onTestFinished(() => daemon.stop());
    const given = Object.fromEntries(Object.entries({ ...NOON, ...more }).filter(([, value]) => value !== undefined));
    await expect(daemon.apply(document({ schedules: [given] }))).rejects.toThrow(words);
  });
});

describe('runs of a cron expression', () => {
  it.each<[string, string, string, string | undefined, string | undefined]>([
    ['0 2 * * *', 'Europe/Berlin', '2026-03-29T12:00:00Z', '2026-03-29T01:00:00.000Z', '2026-03-30T00:00:00.000Z'],
    ['30 2 * * *', 'Europe/Berlin', '2026-10-25T01:00:00Z', '2026-10-25T00:30:00.000Z', '2026-10-26T01:30:00.000Z'],
    ['0 0 29 2 *', 'UTC', '2026-01-01T00:00:00Z', '2024-02-29T00:00:00.000Z', '2028-02-29T00:00:00.000Z'],
    ['@daily', 'UTC', '2026-01-01T00:00:00Z', '2026-01-01T00:00:00.000Z', '2026-01-02T00:00:00.000Z'],
  ])('%s in %s at %s', (cron, zone, now, last, next) => {
    const runs = runsAround(cron, zone, new Date(now));
    expect([runs.last?.toISOString(), runs.next?.toISOString()]).toEqual([last, next]);
  });

  it('are those of node-cron', () => {
    const field = (max: number) =>
      fc.oneof(fc.constant('*'), fc.integer({ min: 0, max }).map(String), fc.constantFrom('*/5', '1-3', '2,4'));
    const expression = fc.tuple(field(59), field(23), fc.constantFrom('*', '1', '15'), fc.constant('*'), field(6));
    const time = fc.date({ min: new Date('2026-01-01'), max: new Date('2027-01-01'), noInvalidDate: true });
    fc.assert(
      fc.property(expression, time, (fields, now) => {
        const cron = fields.join(' ');
        // Where both days are given, one program wants both and the other wants one of them.
        if (cronComplaint(cron) !== undefined || (fields[2] !== '*' && fields[4] !== '*')) return;
        const { last, next } = runsAround(cron, 'America/New_York', now);
        const task = createTask(cron, () => undefined, { timezone: 'America/New_York' });
        expect([last && task.match(last), next && task.match(next)]).toEqual([true, true]);
      }),
    );
  });

  it('a time zone is a name of the time zone database', () => {
    expect(['UTC', 'Europe/Berlin', 'America/New_York'].every(isTimeZone)).toBe(true);
    expect(['', 'Mars/Olympus', '+02:00'].some(isTimeZone)).toBe(false);
  });
});
