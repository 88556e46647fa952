import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { eventually } from '../../support/wait.ts';
import { expectPassError, type ContractContext } from './context.ts';

/** Identity, and what is said while the Engine is out of reach. */
export function reachContract(t: ContractContext): void {
  const { containerSpec, started, theOne } = t;

  describe('identity and reach', () => {
    it('names its Engine, the same each time', async () => {
      const id = await t.compute.engineId();
      expect(id).not.toBe('');
      expect(await t.subject.another().engineId()).toBe(id);
    });

    it('I4: is unobservable before it has looked', () => {
      const other = t.subject.another();
      expect(other.containers(randomUUID()).state).toBe('unobservable');
      expect(other.networks(randomUUID()).state).toBe('unobservable');
      expect(other.everything().state).toBe('unobservable');
      expect(other.outage()).toBeTypeOf('string');
    });

    it('I4: says absent only of what is not there', () => {
      expect(t.compute.outage()).toBeUndefined();
      expect(t.compute.containers(randomUUID()).state).toBe('absent');
      expect(t.compute.networks(randomUUID()).state).toBe('absent');
    });

    it('I4: is unobservable while the Engine is out of reach, refuses calls, and recovers by itself', async () => {
      const container = await started();
      await t.tamper.cut();
      await eventually('the outage to be noticed', () => t.compute.outage() !== undefined);
      expect(t.compute.containers(container.owner.uid).state).toBe('unobservable');
      await expectPassError('EngineUnavailable', t.compute.createContainer(containerSpec()));
      await expectPassError('EngineUnavailable', t.compute.startContainer(container.id));
      await t.tamper.restore();
      await eventually('the recovery', () => t.compute.outage() === undefined);
      expect(theOne(container.owner.uid).state).toBe('running');
    });

    it('I4: after an outage it has what happened meanwhile', async () => {
      const [removed, killed] = [await started(), await started()];
      await t.tamper.cut();
      await eventually('the outage to be noticed', () => t.compute.outage() !== undefined);
      await t.tamper.remove(removed.id);
      await t.tamper.kill(killed.id);
      await t.tamper.restore();
      await eventually('the recovery', () => t.compute.outage() === undefined);
      expect(t.compute.containers(removed.owner.uid).state).toBe('absent');
      expect(theOne(killed.owner.uid)).toMatchObject({ state: 'exited', exitCode: 137 });
    });

    it('a driver opened later sees all that is there, as it is', async () => {
      const container = await started({
        ports: [{ hostAddress: '', hostPort: 0, containerPort: 80, protocol: 'tcp' }],
      });
      const other = t.subject.another();
      await other.open();
      try {
        expect(other.containers(container.owner.uid)).toEqual(t.compute.containers(container.owner.uid));
        expect(other.networks(t.network.owner.uid)).toEqual({ state: 'present', value: [t.network] });
        const all = other.everything();
        const ids = all.state === 'present' ? all.value.map((o) => o.id) : [];
        expect(ids).toEqual(expect.arrayContaining([container.id, t.network.id]));
      } finally {
        await other.close();
      }
    });
  });

  it('I2: observing calls nothing', async () => {
    const { owner: by } = await started();
    const before = new Map(t.compute.calls());
    for (let i = 0; i < 100; i++) {
      t.compute.containers(by.uid);
      t.compute.networks(t.network.owner.uid);
      t.compute.everything();
      t.compute.foreignRanges();
    }
    const mutating = /^(create|start|stop|remove|update|rename|connect|disconnect|unpause|import|pull)/;
    const counted = (calls: ReadonlyMap<string, number>) => [...calls].filter(([call]) => mutating.test(call));
    expect(counted(t.compute.calls())).toEqual(counted(before));
    expect(t.compute.calls().get('createContainer')).toBeGreaterThan(0);
  });
}
