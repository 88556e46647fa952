import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Change, Compute, Container, ContainerUpdate } from '../../../src/drivers/compute.ts';
import { createDockerCompute } from '../../../src/drivers/docker/docker-compute.ts';
import { ownerLabels } from '../../../src/drivers/labels.ts';
import { ManualClock } from '../../../src/proof/manual-clock.ts';
import { eventually } from '../../support/wait.ts';
import { fakeEngine, json, type FakeEngine } from './fake-engine.ts';

const owner = { uid: 'u1', kind: 'Instance', namespace: 'default', name: 'web', generation: 1 };
const Labels = ownerLabels('faults', owner, 'h');
const ID = 'c1'.repeat(32);

const inspected = (state: object, name = 'web') => ({
  Id: ID,
  Name: `/${name}`,
  Image: 'sha256:1',
  RestartCount: 0,
  Config: { Labels, Tty: false },
  HostConfig: { RestartPolicy: { Name: 'no' } },
  NetworkSettings: { Ports: {}, Networks: {} },
  State: { Status: 'running', Running: true, ExitCode: 0, Error: '', StartedAt: '', FinishedAt: '', ...state },
});
const listed = (State: string) => ({ Id: ID, Names: ['/web'], State, Status: State, Ports: [], Labels });
const exited = { Status: 'exited', Running: false, ExitCode: 137, FinishedAt: '2030-01-01T00:00:00Z' };
const event = (Action: string, timeNano: number) => ({
  Type: 'container',
  Action,
  Actor: { ID, Attributes: { ...Labels, exitCode: '137' } },
  timeNano,
});

/** What a real Engine does only when it dies, by one that does so when it is told to. The clock is stepped. */
describe('docker driver under faults', () => {
  let engine: FakeEngine;
  let compute: Compute;
  let clock: ManualClock;
  let changes: Change[];
  const container = (): Container | undefined => {
    const seen = compute.containers('u1');
    return seen.state === 'present' ? seen.value[0] : undefined;
  };

  beforeEach(async () => {
    engine = await fakeEngine();
    engine.on('GET /containers/json', json([listed('running')]));
    engine.on(`GET /containers/${ID}/json`, json(inspected({})));
    clock = new ManualClock();
    compute = createDockerCompute({ installation: 'faults', host: engine.host, clock });
    changes = [];
    await compute.open();
    compute.subscribe((change) => changes.push(change));
  });
  afterEach(async () => {
    const closed = compute.close();
    await clock.advance(5_000);
    await closed;
    await engine.close();
  });

  it('F6: a call that is never answered ends within its deadline', async () => {
    engine.on('POST /containers', () => undefined);
    const failed = expect(compute.startContainer(ID)).rejects.toMatchObject({ reason: 'EngineUnavailable' });
    await eventually('the call', () => compute.calls().get('startContainer') === 1);
    await clock.advance(61_000);
    await failed;
  });

  it.each<[string, ContainerUpdate, string, string | undefined]>([
    ['swap that follows the memory is left out', { memoryBytes: 2 ** 26 }, 'no swap limit capabilities', undefined],
    [
      'swap that was asked for is refused',
      { memoryBytes: 2 ** 26, memorySwapBytes: 2 ** 26 },
      'no swap limit',
      'Refused',
    ],
    ['so is any other limit', { pidsLimit: 5 }, 'no pids limit', 'Refused'],
  ])('where the kernel has no such limit, %s', async (_what, change, words, reason) => {
    engine.on(`POST /containers/${ID}/update`, json({ Warnings: [words] }));
    const outcome = await compute.updateContainer(ID, change).catch((error: unknown) => error);
    if (reason === undefined) expect(outcome).toBeUndefined();
    else expect(outcome).toMatchObject({ reason, message: expect.stringContaining(words) });
  });

  it('F6: so does one whose answer breaks off in the middle', async () => {
    engine.on('GET /images', (response) => {
      response.writeHead(200, { 'content-length': 1000 }).write('{"Id":');
      setImmediate(() => response.destroy());
    });
    const failed = expect(compute.image('a')).rejects.toMatchObject({ reason: 'EngineUnavailable' });
    await eventually('the call', () => compute.calls().get('inspectImage') === 1);
    await clock.advance(11_000);
    await failed;
  });

  it('F6, I4: an Engine that no longer answers its ping is out of reach, without a broken connection', async () => {
    engine.on('GET /_ping', () => undefined);
    await eventually('the outage', async () => (await clock.advance(1_000), compute.outage() !== undefined));
    expect(compute.containers('u1').state).toBe('unobservable');
    engine.on('GET /_ping', (response) => response.writeHead(200, { 'api-version': '1.41' }).end('OK'));
    await eventually('the recovery', async () => (await clock.advance(500), compute.outage() === undefined));
    expect(container()?.state).toBe('running');
    expect(changes.map((change) => change.what)).toEqual(['the Engine is out of reach', 'the Engine is within reach']);
  });

  it('F6, I4: a list that is refused leaves it unobservable', async () => {
    engine.on('GET /containers/json', json({ message: 'server error' }, 500));
    const other = createDockerCompute({ installation: 'faults', host: engine.host, clock });
    await other.open();
    expect(other.containers('u1').state).toBe('unobservable');
    expect(other.outage()).toContain('server error');
    const closed = other.close();
    await clock.advance(2_000);
    await closed;
  });

  it('F5: takes up the events where they broke off, and tells nothing twice', async () => {
    engine.on(`GET /containers/${ID}/json`, json(inspected(exited)));
    engine.emit(event('die', 2e18));
    await eventually('the event', () => changes.length === 1);
    expect(changes[0]).toMatchObject({ owner: { uid: 'u1' }, what: 'container died (exit 137)' });
    engine.endEvents();
    await eventually('a new stream', async () => (await clock.advance(500), engine.eventQueries.length === 2));
    expect(engine.eventQueries[1]?.get('since')).toBe('2000000000');
    engine.emit(event('die', 2e18));
    engine.on(`GET /containers/${ID}/json`, json(inspected(exited, 'renamed')));
    engine.emit(event('rename', 2e18 + 1e9));
    await eventually('the next event', () => container()?.name === 'renamed');
    expect(changes.filter((change) => change.what.includes('died'))).toHaveLength(1);
    expect(compute.outage()).toBeUndefined();
  });

  it('F5: what events have missed is found by a relist, and told', async () => {
    engine.on('GET /containers/json', json([listed('exited')]));
    engine.on(`GET /containers/${ID}/json`, json(inspected(exited)));
    await eventually('the relist', async () => (await clock.advance(500), changes.length > 0));
    expect(changes).toMatchObject([{ owner: { uid: 'u1' }, what: 'container died (exit 137) (found by a relist)' }]);
    expect(clock.monotonic()).toBeLessThanOrEqual(60_000);
    engine.on('GET /containers/json', json([]));
    await eventually('the relist', async () => (await clock.advance(500), changes.length > 1));
    expect(compute.containers('u1').state).toBe('absent');
  });

  it('F6: a container that an Engine killed in mid-start cannot start again makes room for another', async () => {
    engine.on('POST /containers', json({ message: `task ${ID}: already exists: unknown` }, 409));
    engine.on('DELETE /containers', (response) => {
      engine.on(`GET /containers/${ID}/json`, json({ message: 'No such container' }, 404));
      response.writeHead(204).end();
    });
    await expect(compute.startContainer(ID)).rejects.toMatchObject({ reason: 'EngineError' });
    expect(compute.containers('u1').state).toBe('absent');
  });

  it('F3: an answer that is late does not bring back what was', async () => {
    const slow: ServerResponse[] = [];
    engine.on(`GET /containers/${ID}/json`, (response) => void slow.push(response));
    engine.emit(event('start', 3e18));
    await eventually('a look', () => slow.length === 1);
    engine.on(`GET /containers/${ID}/json`, json(inspected(exited)));
    engine.on('POST /containers', (response) => response.writeHead(304).end());
    await compute.stopContainer(ID, 0, 60_000);
    expect(container()?.state).toBe('exited');
    json(inspected({}))(slow[0]!, undefined as never);
    await clock.advance(100);
    expect(container()?.state).toBe('exited');
  });

  it('F15: one that says nothing while the Engine comes back is asked about again soon, not at the next list', async () => {
    engine.on('GET /_ping', () => undefined);
    engine.on(`GET /containers/${ID}/json`, json({ message: 'server error' }, 500));
    await eventually('the outage', async () => (await clock.advance(1_000), compute.outage() !== undefined));
    await clock.advance(120_000);
    engine.on('GET /_ping', (response) => response.writeHead(200, { 'api-version': '1.41' }).end('OK'));
    await eventually('the recovery', async () => (await clock.advance(500), compute.outage() === undefined));
    expect(compute.containers('u1').state).toBe('unobservable');
    engine.on(`GET /containers/${ID}/json`, json(inspected({})));
    const answers = clock.monotonic();
    await eventually('its answer', async () => (await clock.advance(500), container() !== undefined));
    expect(clock.monotonic() - answers).toBeLessThan(10_000);
  });

  it('I2: a quiet Engine costs a ping now and then, a list each half minute, and no inspect', async () => {
    const before = compute.calls().get('inspectContainer');
    const lists = () => compute.calls().get('listContainers');
    await eventually('two relists', async () => (await clock.advance(500), lists() === 3));
    expect(compute.calls().get('inspectContainer')).toBe(before);
    expect(clock.monotonic()).toBeGreaterThanOrEqual(60_000);
    expect(changes).toEqual([]);
  });
});
