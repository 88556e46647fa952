import { describe, expect, it } from 'vitest';
import type { Condition } from '../../../src/api/metadata.ts';
import { present } from '../../../src/base/observed.ts';
import type { Container } from '../../../src/drivers/compute.ts';
import { createOptions } from '../../../src/drivers/docker/container-options.ts';
import { containerSpecOf } from '../../../src/kinds/instance/container-spec.ts';
import { nextHealthRestart } from '../../../src/kinds/instance/health.ts';
import { planInstance } from '../../../src/kinds/instance/plan.ts';
import { reportInstance } from '../../../src/kinds/instance/report.ts';
import { specHash } from '../../../src/kinds/instance/spec-hash.ts';
import type { Instance, InstanceStatus } from '../../../src/kinds/instance/types.ts';
import { containerOf, instance, NETWORK, NOW, observed, configOf } from './support.ts';

const CHECK = { healthCheck: { tcp: { port: 80 }, restartOnUnhealthy: true } };
const SICK = { health: 'Unhealthy', healthOutput: 'connection refused' } as const;
const READY = { type: 'Ready', message: '', observedGeneration: 1, lastTransitionTime: '2026-01-01T00:00:00Z' };
/** As `containerOf` starts them. */
const STARTED = '2026-01-01T00:00:00.000Z';
const before = (ms: number): string => new Date(NOW.getTime() - ms).toISOString();

function checked(spec: object, status: InstanceStatus = {}, metadata: object = {}): Instance {
  const made = instance(spec);
  return {
    ...made,
    metadata: { ...made.metadata, ...metadata },
    status: { ...made.status, containerId: 'c1', ...status },
  };
}

const seenOf = (i: Instance, over: Partial<Container> = {}, health: object = SICK) =>
  observed(present([containerOf(i, over)]), health);
const steps = (i: Instance, over: Partial<Container> = {}, health: object = SICK): string[] =>
  planInstance(i, seenOf(i, over, health), NOW).map((step) => step.do);

const RESTART = ['stopContainer', 'startContainer'];
const restarted = (count: number, at: string, of = 'another'): InstanceStatus => ({
  healthRestarts: { count, at, of },
});

describe('restartOnUnhealthy', () => {
  it.each<[string, string[], string[]]>([
    ['a failing check', steps(checked(CHECK)), ['claimHealthRestart', ...RESTART]],
    ['one that succeeds', steps(checked(CHECK), {}, { health: 'Healthy' }), []],
    ['without it', steps(checked({ healthCheck: { tcp: { port: 80 } } })), []],
    [
      "the Engine's check",
      steps(checked({ healthCheck: { command: ['false'], restartOnUnhealthy: true } }), { health: 'unhealthy' }, {}),
      ['claimHealthRestart', ...RESTART],
    ],
    ['within the back-off', steps(checked(CHECK, restarted(2, before(19_000)))), []],
    ['after the back-off', steps(checked(CHECK, restarted(2, before(20_000)))), ['claimHealthRestart', ...RESTART]],
    [
      'never longer than five minutes',
      steps(checked(CHECK, restarted(99, before(300_000)))),
      ['claimHealthRestart', ...RESTART],
    ],
    [
      'a clock that was set back',
      steps(checked(CHECK, restarted(9, before(-60_000)))),
      ['claimHealthRestart', ...RESTART],
    ],
    ['asked for, and not carried out', steps(checked(CHECK, restarted(1, before(1), STARTED))), RESTART],
    [
      'carried out by half, where the restart policy would leave it',
      steps(
        checked({ ...CHECK, restartPolicy: 'Never' }, restarted(1, before(1), STARTED)),
        { state: 'exited', exitCode: 0 },
        {},
      ),
      ['startContainer'],
    ],
    [
      'a member of a group is replaced by its group',
      steps(checked(CHECK, {}, { ownerReferences: [{ kind: 'ScalingGroup', uid: 'g', controller: true }] })),
      [],
    ],
    ['to be stopped', steps(checked({ ...CHECK, powerState: 'Stopped' }), { state: 'running' }), ['stopContainer']],
  ])('%s', (_what, plan, expected) => {
    expect(plan).toEqual(expected);
  });

  it('counts restarts in a row; a process that ran for ten minutes begins anew, and a repeated claim counts once', () => {
    const of = before(60_000);
    const second = nextHealthRestart(checked(CHECK, restarted(1, before(90_000))), of, NOW);
    expect(second).toEqual({ count: 2, at: NOW.toISOString(), of });
    expect(nextHealthRestart(checked(CHECK, { healthRestarts: second }), of, new Date(0))).toEqual(second);
    expect(nextHealthRestart(checked(CHECK, restarted(7, before(900_000))), before(600_000), NOW).count).toBe(1);
  });

  it('is nothing that the container is made of', () => {
    const command = { healthCheck: { command: ['true'] } };
    const asked = { healthCheck: { command: ['true'], restartOnUnhealthy: true, disable: false } };
    expect(specHash(instance(asked).spec)).toBe(specHash(instance(command).spec));
  });
});

describe('what is said of a failing check', () => {
  const ready = (i: Instance, over: Partial<Container> = {}, health: object = SICK) => {
    const { conditions, status, events, outcome } = reportInstance(i, seenOf(i, over, health), [], NOW);
    return { ...conditions.find((c) => c.type === 'Ready'), status: status as InstanceStatus, events, outcome };
  };
  const plain = { healthCheck: { tcp: { port: 80 } } };

  it('names the answer, in the condition and once in an event', () => {
    const first = ready(checked(plain));
    expect(first.message).toBe('its health check fails: connection refused; look at its logs');
    expect(first.events).toEqual([{ type: 'Warning', reason: 'Unhealthy', message: first.message }]);
    const condition: Condition = { ...READY, status: 'False', reason: 'Unhealthy' };
    const later = checked(plain, first.status);
    expect(ready({ ...later, status: { ...later.status, conditions: [condition] } }).events).toEqual([]);
  });

  it('keeps the answer that it told of for a minute, whatever comes meanwhile', () => {
    const told = (at: string) => checked(plain, { health: 'Unhealthy', healthFailure: { at, output: 'answered 503' } });
    expect(ready(told(before(59_000))).message).toContain('answered 503');
    expect(ready(told(before(60_000))).message).toContain('connection refused');
    // After a change of leader nothing was asked yet.
    expect(ready(told(before(90_000)), {}, { health: 'Unhealthy' }).message).toContain('answered 503');
    expect(ready(told(before(90_000)), {}, { health: 'Healthy' }).status.healthFailure).toBeUndefined();
  });

  it('says what the Engine’s check wrote, and when the next restart is due', () => {
    const i = checked({ healthCheck: { command: ['false'], restartOnUnhealthy: true } }, restarted(1, before(4_000)));
    const said = ready(i, { health: 'unhealthy', healthOutput: 'exit code 1: no database' }, {});
    expect(said.message).toBe(
      'its health check fails: exit code 1: no database; it was restarted for that once, and is again at 2026-01-01T01:00:06.000Z',
    );
    expect(said.outcome).toEqual({ is: 'reconciled', afterMs: 6_000 });
  });
});

it('disable turns the image’s own check off', () => {
  const options = createOptions(
    'test',
    containerSpecOf(instance({ healthCheck: { disable: true } }), NETWORK, '10.1.0.9', 'test', configOf(instance())),
  );
  expect(options.Healthcheck).toEqual({ Test: ['NONE'] });
});
