import { describe, expect, it } from 'vitest';
import { MAX_FILE_BYTES } from '../../../src/drivers/compute.ts';
import { eventually } from '../../support/wait.ts';
import { expectPassError, type ContractContext } from './context.ts';

/** Files that are put into containers and read out of them. */
export function fileContract(t: ContractContext): void {
  const { containerSpec, started, seen } = t;
  const path = '/etc/contract/deep/words.txt';

  describe('files', () => {
    it('writes into a container before its first start, and what was written is there afterwards', async () => {
      const made = await t.compute.createContainer(containerSpec());
      expect(await t.compute.readFile(made.id, path)).toBeUndefined();
      await t.compute.writeFiles(made.id, [{ path, content: 'grüße\n', mode: 0o644 }]);
      expect(await t.compute.readFile(made.id, path)).toBe('grüße\n');
      await t.compute.startContainer(made.id);
      expect(await t.compute.readFile(made.id, path)).toBe('grüße\n');
      await t.compute.stopContainer(made.id, 0, 60_000);
      expect(await t.compute.readFile(made.id, path)).toBe('grüße\n');
    });

    it('replaces what was there, again and again, also while it runs', async () => {
      const { id } = await started();
      for (const content of ['one', 'two', 'two', '']) {
        await t.compute.writeFiles(id, [{ path, content, mode: 0o600 }]);
        expect(await t.compute.readFile(id, path)).toBe(content);
      }
    });

    it('replaces, adds and removes files of a running container, and of no other', async () => {
      const { id } = await started();
      const file = (name: string, content: string | Buffer) => ({ path: `/srv/${name}`, content, mode: 0o444 });
      await t.compute.writeFiles(id, [file('a', 'one'), file('b', Buffer.from('grüße'))]);
      const change = { files: [file('a', 'two'), file('new/c', '')], removed: ['/srv/b', '/srv/never-there'] };
      expect(await t.compute.replaceFiles(id, change)).toBe('renamed');
      expect(await t.compute.replaceFiles(id, change)).toBe('renamed');
      const read = (name: string) => t.compute.readFile(id, `/srv/${name}`);
      expect([await read('a'), await read('b'), await read('new/c')]).toEqual(['two', undefined, '']);
      await t.compute.stopContainer(id, 0, 60_000);
      await expectPassError('EngineError', t.compute.replaceFiles(id, change));
    });

    it('I5: a container that is not ours is neither written nor read', async () => {
      const id = await t.tamper.foreignContainer(`foreign-files-${Date.now()}`);
      await expectPassError('NameTaken', t.compute.writeFiles(id, [{ path, content: 'x', mode: 0o644 }]));
      await expectPassError('NameTaken', t.compute.replaceFiles(id, { files: [], removed: [path] }));
      await expectPassError('NameTaken', t.compute.readFile(id, path));
    });

    it('reads nothing of a container that is gone, writes nothing to it, and holds no huge file', async () => {
      const { id } = await started();
      await t.compute.writeFiles(id, [{ path, content: 'x'.repeat(MAX_FILE_BYTES + 1), mode: 0o644 }]);
      await expectPassError('Refused', t.compute.readFile(id, path));
      await t.compute.removeContainer(id);
      expect(await t.compute.readFile(id, path)).toBeUndefined();
      await expectPassError('EngineError', t.compute.writeFiles(id, [{ path, content: 'x', mode: 0o644 }]));
    });

    it('takes a signal for the end and a number of open files', async () => {
      const script = "trap 'exit 9' USR1; while true; do sleep 0.05; done";
      const { id, owner, startedAt } = await started({
        command: ['sh', '-c', script],
        stopSignal: 'SIGUSR1',
        ulimits: [{ name: 'nofile', soft: 4_321, hard: 4_321 }],
      });
      await eventually('the trap to be set', () => Date.now() - (startedAt?.getTime() ?? 0) > 300);
      await t.compute.stopContainer(id, 10_000, 60_000);
      expect(seen(owner.uid)).toMatchObject({ state: 'exited', exitCode: 9 });
    });
  });
}
