import { describe, expect, it } from 'vitest';
import type { Condition } from '../../../src/api/metadata.ts';
import { podOf } from '../../../src/kinds/instance/pods/pod.ts';
import { statusWord } from '../../../src/kinds/instance/pods/status.ts';
import { podView } from '../../../src/kinds/instance/pods/view.ts';
import type { Instance, InstanceStatus } from '../../../src/kinds/instance/types.ts';
import { Machine } from '../../../src/kinds/instance/pods/machine.ts';
import { nodeOf } from '../../../src/kinds/instance/pods/node.ts';
import { SimulatedEngine } from '../../../src/drivers/simulated/simulated-engine.ts';
import { createSimulatedCompute } from '../../../src/drivers/simulated/simulated-compute.ts';
import { ManualClock } from '../../../src/proof/manual-clock.ts';
import type { Reading } from '../../../src/kinds/instance/http/readings.ts';
import { usageOf } from '../../../src/kinds/instance/pods/usage.ts';
import { rowOf } from '../../../src/http/table.ts';
import { instance, NOW } from './support.ts';

const PLACE = { nodeName: 'here', hostIP: '192.0.2.1' };
const ready = (status: Condition['status'], reason: string): Condition => ({
  type: 'Ready',
  status,
  reason,
  message: `because of ${reason}`,
  observedGeneration: 1,
  lastTransitionTime: '2026-01-01T00:00:00Z',
});
const podWith = (status: InstanceStatus, condition: Condition, spec: object = {}) => {
  const made = instance(spec);
  return podOf({ ...made, status: { ...made.status, ...status, conditions: [condition] } }, PLACE);
};

describe('an instance as a pod', () => {
  const startedAt = '2026-01-01T00:00:00Z';
  it.each<[InstanceStatus, Condition, string, string, string]>([
    [{ phase: 'Pending' }, ready('False', 'VpcNotReady'), 'Pending', 'VpcNotReady', 'waiting'],
    [{ phase: 'Starting', startedAt }, ready('False', 'HealthCheckPending'), 'Running', 'Running', 'running'],
    [{ phase: 'Running', startedAt }, ready('True', 'Running'), 'Running', 'Running', 'running'],
    [
      { phase: 'Stopped', startedAt, lastExitCode: 137 },
      ready('True', 'Stopped'),
      'Succeeded',
      'Stopped',
      'terminated',
    ],
    [{ phase: 'Succeeded', lastExitCode: 0 }, ready('False', 'Completed'), 'Succeeded', 'Completed', 'terminated'],
    [{ phase: 'Failed', lastExitCode: 3 }, ready('False', 'Failed'), 'Failed', 'Error', 'terminated'],
    [
      { phase: 'CrashLoopBackOff', restarts: 4, lastExitCode: 1 },
      ready('False', 'CrashLoopBackOff'),
      'Running',
      'CrashLoopBackOff',
      'waiting',
    ],
  ])('%j', (status, condition, phase, word, state) => {
    const pod = podWith(status, condition);
    const container = pod.status!.containerStatuses[0];
    expect(pod.status!.phase).toBe(phase);
    expect(statusWord(pod, container)).toBe(word);
    expect(Object.keys(container.state)).toEqual([state]);
    expect(container.restartCount).toBe(status.restarts ?? 0);
    // Only what runs and is Ready answers anybody, and has an address.
    const answers = status.phase === 'Running';
    expect(container.ready).toBe(answers);
    expect(pod.status!.conditions.find(({ type }) => type === 'Ready')?.status).toBe(answers ? 'True' : 'False');
    expect(pod.status!.podIP !== undefined).toBe(phase === 'Running' && status.startedAt !== undefined);
  });

  it('is one container of its name, owned by the instance, with the instance’s revision', () => {
    const made = instance({
      command: ['serve'],
      args: ['-v'],
      env: { A: '1', B: { valueFrom: { secret: 'db', key: 'password' } } },
      ports: ['127.0.0.1:8080:80'],
      resources: { cpus: 0.5, memory: '64m' },
      volumes: [
        { name: 'data', mountPath: '/data' },
        { hostPath: '/srv', mountPath: '/srv', readOnly: true },
      ],
    });
    const annotations = { 'kubectl.kubernetes.io/last-applied-configuration': '{}', note: 'kept' };
    const pod = podOf({ ...made, metadata: { ...made.metadata, annotations } }, PLACE);
    const { name, uid, resourceVersion } = made.metadata;
    expect(pod.metadata).toMatchObject({ name, uid, resourceVersion, annotations: { note: 'kept' } });
    expect(Object.keys(pod.metadata.annotations!)).toEqual(['note']);
    expect(pod.metadata.managedFields).toBeUndefined();
    expect(pod.metadata.ownerReferences).toEqual([
      { apiVersion: 'miniaws.dev/v1', kind: 'Instance', name, uid, controller: true },
    ]);
    expect(pod.spec.nodeName).toBe('here');
    expect(pod.spec.containers).toEqual([
      expect.objectContaining({
        name: 'web',
        image: 'app:1',
        command: ['serve'],
        args: ['-v'],
        env: [
          { name: 'A', value: '1' },
          { name: 'B', valueFrom: { secretKeyRef: { name: 'db', key: 'password' } } },
        ],
        ports: [{ containerPort: 80, protocol: 'TCP', hostPort: 8080, hostIP: '127.0.0.1' }],
        resources: {
          limits: { cpu: '500m', memory: '67108864' },
          requests: { cpu: '500m', memory: '67108864' },
        },
        volumeMounts: [
          { name: 'volume-0', mountPath: '/data', readOnly: false },
          { name: 'volume-1', mountPath: '/srv', readOnly: true },
        ],
      }),
    ]);
    expect(pod.spec.volumes).toEqual([
      { name: 'volume-0', persistentVolumeClaim: { claimName: 'data' } },
      { name: 'volume-1', hostPath: { path: '/srv' } },
    ]);
  });

  it('is terminating while the instance is being deleted', () => {
    const made = instance();
    const metadata = { ...made.metadata, deletionTimestamp: '2026-01-01T00:30:00Z' };
    const pod = podOf({ ...made, metadata, status: { phase: 'Terminating', startedAt } }, PLACE);
    expect(statusWord(pod, pod.status!.containerStatuses[0])).toBe('Terminating');
  });
});

describe('what a pod uses', () => {
  const reading = (sample: object) => ({ sample: { instanceId: 'i', at: NOW, ...sample } }) as Reading;
  it.each<[string, object, object, object | undefined]>([
    ['a share of its limit', { cpus: 0.5 }, { cpuPercent: 50, memoryBytes: 1024 }, { cpu: 0.25, memory: 1024 }],
    ['cores where it has no limit', {}, { cpuPercent: 150, memoryBytes: 0 }, { cpu: 1.5, memory: 0 }],
    ['nothing while one of the two is not known', {}, { memoryBytes: 1024 }, undefined],
  ])('%s', (_, resources, sample, used) => {
    expect(usageOf(instance({ resources }), reading(sample))).toEqual(used);
  });
});

describe('the machine', () => {
  const engine = new SimulatedEngine({ clock: new ManualClock() });
  const compute = createSimulatedCompute({ engine, installation: 'test' });

  it('is named by the Engine, and stays so while the Engine is away', async () => {
    const clock = new ManualClock();
    const machine = new Machine(compute, clock, 'mine');
    engine.reachable = false;
    expect(await machine.name()).toBe('mine');
    engine.reachable = true;
    expect(await machine.name()).toBe('simulated');
    engine.reachable = false;
    await clock.advance(60_000);
    expect(await machine.name()).toBe('simulated');
  });

  it('is a node that is Ready while the Engine answers', () => {
    const observed = { host: engine.host, installation: 'mine', since: NOW, resourceVersion: '7' };
    const node = nodeOf({ ...observed, outage: undefined });
    expect(node.metadata).toMatchObject({ name: 'simulated', resourceVersion: '7' });
    expect(node.status).toMatchObject({
      capacity: { cpu: '2', memory: '4294967296' },
      conditions: [{ type: 'Ready', status: 'True' }],
    });
    expect(nodeOf({ ...observed, outage: 'gone' }).status!.conditions[0]).toMatchObject({
      status: 'Unknown',
      message: 'gone',
    });
  });

  it('gives pods their rows', async () => {
    const view = podView('Instance', new Machine(compute, new ManualClock(), 'mine'));
    const render = await view.renderer();
    const waiting: Instance = {
      ...instance(),
      status: { phase: 'Pending', conditions: [ready('False', 'VpcNotReady')] },
    };
    const pod = render(waiting);
    expect(rowOf({ ...view, content: {} }, pod, NOW, 'None')).toEqual({
      cells: ['web', '0/1', 'VpcNotReady', '0', '0s', '<none>', 'mine'],
      object: null,
    });
  });
});
