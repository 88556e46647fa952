import { describe, expect, it } from 'vitest';
import { eventually } from '../../support/wait.ts';
import { type ContractContext } from './context.ts';

/** What happens by itself or by hand. */
export function changeContract(t: ContractContext): void {
  const { started, seen, theOne, heard } = t;

  describe('what happens by itself or by hand is told', () => {
    it('kill', async () => {
      const { id, owner: by } = await started({ restart: 'unless-stopped' });
      await t.tamper.kill(id);
      await heard(by.uid, /container died \(exit 137\)/);
      expect(theOne(by.uid)).toMatchObject({ state: 'exited', exitCode: 137, restarts: 0 });
    });

    it('stop, and the start that mends it', async () => {
      const { id, owner: by } = await started();
      await t.tamper.stop(id);
      await heard(by.uid, /container (died|stopped)/);
      await eventually('it to be exited', () => seen(by.uid)?.state === 'exited');
      await t.compute.startContainer(id);
      expect(theOne(by.uid)).toMatchObject({ state: 'running', exitCode: 137 });
    });

    it('pause', async () => {
      const { id, owner: by } = await started();
      await t.tamper.pause(id);
      await heard(by.uid, /container was paused/);
      expect(theOne(by.uid).state).toBe('paused');
      await t.compute.unpauseContainer(id);
      await t.compute.unpauseContainer(id);
      expect(theOne(by.uid).state).toBe('running');
    });

    it('rename', async () => {
      const { id, name: before, owner: by } = await started();
      await t.tamper.rename(id, `${before}-by-hand`);
      await heard(by.uid, /container was renamed/);
      expect(theOne(by.uid).name).toBe(`${before}-by-hand`);
    });

    it('disconnect', async () => {
      const { id, owner: by } = await started();
      await t.tamper.disconnect(id, t.network.id);
      await heard(by.uid, /container was disconnected from network/);
      expect(theOne(by.uid).attachments).toEqual([]);
    });

    it('removal', async () => {
      const { id, owner: by } = await started();
      await t.tamper.remove(id);
      await heard(by.uid, /container was removed/);
      expect(t.compute.containers(by.uid).state).toBe('absent');
    });

    it('its own calls are not', async () => {
      const { id, owner: by } = await started();
      await t.compute.stopContainer(id, 0, 60_000);
      await t.compute.removeContainer(id);
      const marker = await started();
      await t.tamper.kill(marker.id);
      await heard(marker.owner.uid, /died/);
      expect(t.changes.filter((change) => change.owner?.uid === by.uid)).toEqual([]);
    });

    it('a restart policy brings a crashed process back, and it is counted', async () => {
      const { id, owner: by } = await started({
        restart: 'unless-stopped',
        command: ['sh', '-c', 'sleep 0.3; exit 3'],
      });
      await heard(by.uid, /container died \(exit 3\)/);
      await eventually('a restart', () => (seen(by.uid)?.restarts ?? 0) > 0 && seen(by.uid)?.state === 'running');
      expect(theOne(by.uid).exitCode).toBe(3);
      await t.compute.stopContainer(id, 0, 60_000);
      expect(theOne(by.uid).state).toBe('exited');
    });

    it('on-failure is final after exit 0, and no is final after any', async () => {
      const done = await started({ restart: 'on-failure', command: ['true'] });
      const failed = await started({ restart: 'no', command: ['false'] });
      await eventually('both to end', () => [done, failed].every((c) => seen(c.owner.uid)?.state === 'exited'));
      expect(theOne(done.owner.uid)).toMatchObject({ exitCode: 0, restarts: 0 });
      expect(theOne(failed.owner.uid)).toMatchObject({ exitCode: 1, restarts: 0 });
    });

    it('health, by the command given', async () => {
      const healthCommand = { command: ['true'], intervalMs: 100, timeoutMs: 5_000, retries: 1, startPeriodMs: 0 };
      const good = await started({ healthCommand });
      await eventually('healthy', () => seen(good.owner.uid)?.health === 'healthy');
      const bad = await started({ healthCommand: { ...healthCommand, command: ['false'] } });
      await heard(bad.owner.uid, /container became unhealthy/);
      expect(theOne(bad.owner.uid).health).toBe('unhealthy');
    });
  });
}
