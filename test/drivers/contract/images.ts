import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { expectPassError, type ContractContext } from './context.ts';

/** Images: present, pulled, imported. */
export function imageContract(t: ContractContext): void {
  const { owner, heard } = t;

  describe('images', () => {
    it('knows what is present and what is absent', async () => {
      expect(await t.compute.image(t.subject.image)).toMatchObject({
        state: 'present',
        id: expect.stringMatching(/^sha256:/),
      });
      expect(await t.compute.image('contract/missing:1')).toEqual({ state: 'absent' });
    });

    it('a pull that fails is ImageUnavailable, for everyone who asked', async () => {
      const reference = 'localhost:1/contract/missing:1';
      const pulls = [1, 2].map(() => t.compute.pullImage(reference, owner(), 30_000));
      await Promise.all(pulls.map((pull) => expectPassError('ImageUnavailable', pull)));
      expect(await t.compute.image(reference)).toEqual({ state: 'absent' });
    });

    it('a pull that fails after its caller left is told, and the next call says why', async () => {
      const by = owner();
      expect(await t.compute.pullImage('localhost:1/contract/missing:2', by, 0)).toMatchObject({ state: 'pulling' });
      await heard(by.uid, /the pull of image .* failed/);
      await expectPassError('ImageUnavailable', t.compute.pullImage('localhost:1/contract/missing:2', by, 0));
    });

    it('imports, lists and removes its own', async () => {
      const reference = `contract/imported:${randomUUID().slice(0, 8)}`;
      const id = await t.compute.importImage(Buffer.alloc(1024), reference, ['CMD ["true"]']);
      expect(await t.compute.image(reference)).toEqual({ state: 'present', id });
      expect(await t.compute.ownImages()).toContainEqual({ id, references: [reference] });
      await t.compute.removeImage(id);
      await t.compute.removeImage(id);
      expect(await t.compute.image(reference)).toEqual({ state: 'absent' });
      const { id: foreign } = (await t.compute.image(t.subject.image)) as { id: string };
      await expectPassError('NameTaken', t.compute.removeImage(foreign));
    });
  });
}
