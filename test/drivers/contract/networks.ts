import { describe, expect, it } from 'vitest';
import { valueOf } from '../../../src/base/observed.ts';
import { engineName } from '../../../src/drivers/labels.ts';
import { eventually } from '../../support/wait.ts';
import { expectPassError, type ContractContext } from './context.ts';

/** Networks and named volumes. */
export function networkContract(t: ContractContext): void {
  const { owner, networkSpec, heard } = t;

  describe('networks', () => {
    it('I3: creation is find-or-create by name', async () => {
      const spec = networkSpec({ internal: true });
      const [first, second] = await Promise.all([t.compute.createNetwork(spec), t.compute.createNetwork(spec)]);
      const third = await t.compute.createNetwork(spec);
      expect(first).toEqual({ ...spec, id: first.id });
      expect([second.id, third.id]).toEqual([first.id, first.id]);
      expect(t.compute.networks(spec.owner.uid)).toEqual({ state: 'present', value: [first] });
    });

    it('I3: removal of what is gone succeeds', async () => {
      const made = await t.compute.createNetwork(networkSpec());
      await t.compute.removeNetwork(made.id);
      expect(t.compute.networks(made.owner.uid).state).toBe('absent');
      await t.compute.removeNetwork(made.id);
    });

    it('all are kept from the metadata service, and let to it again', async () => {
      await t.compute.lookAtMetadataAccess();
      const access = () => valueOf(t.compute.metadataAccess());
      expect(access()).toBe('open');
      await Promise.all([t.compute.closeMetadataAccess(), t.compute.closeMetadataAccess()]);
      expect(access()).toBe('closed');
      await t.compute.openMetadataAccess();
      expect(access()).toBe('open');
    });

    it('I5: a name held by another is NameTaken, and the holder is left alone', async () => {
      const spec = networkSpec();
      const holder = await t.tamper.foreignNetwork(spec.name, networkSpec().cidrBlock);
      const error = await expectPassError('NameTaken', t.compute.createNetwork(spec));
      expect(error.message).toContain(spec.name);
      await expectPassError('NameTaken', t.compute.removeNetwork(holder));
      await t.tamper.removeNetwork(holder);
      await heard(spec.owner.uid, /was removed/);
      await t.compute.createNetwork(spec);
    });

    it('a range that overlaps names the holder', async () => {
      const spec = networkSpec();
      const holder = await t.tamper.foreignNetwork(`holder-${spec.owner.uid.slice(0, 8)}`, spec.cidrBlock);
      const error = await expectPassError('CidrOverlap', t.compute.createNetwork(spec));
      expect(error.message).toContain(`holder-${spec.owner.uid.slice(0, 8)}`);
      expect(error.message).toContain(spec.cidrBlock);
      await eventually('the range to be known as foreign', () => t.compute.foreignRanges().includes(spec.cidrBlock));
      expect(t.compute.foreignRanges()).not.toContain(t.network.cidrBlock);
      await t.tamper.removeNetwork(holder);
      await heard(spec.owner.uid, /was removed/);
    });

    it('I5: one with a container of another on it stays, names that container, and tells when it has gone', async () => {
      const made = await t.compute.createNetwork(networkSpec());
      const name = `guest-${made.owner.uid.slice(0, 8)}`;
      const guest = await t.tamper.foreignContainer(name, made.id);
      const error = await expectPassError('InUse', t.compute.removeNetwork(made.id));
      expect(error.message).toContain(`container ${name} is on it`);
      expect(error.message).toContain(`docker network disconnect ${made.name} ${name}`);
      await t.tamper.remove(guest);
      await heard(made.owner.uid, /in the way/);
      await t.compute.removeNetwork(made.id);
      expect(t.compute.networks(made.owner.uid).state).toBe('absent');
    });

    it('those of the Engine, ours or not, are none of the host’s own', async () => {
      const made = await t.compute.createNetwork(networkSpec());
      const { cidrBlock } = networkSpec();
      const holder = await t.tamper.foreignNetwork(`beside-${made.owner.uid.slice(0, 8)}`, cidrBlock);
      await eventually('the range to be known as foreign', () => t.compute.foreignRanges().includes(cidrBlock));
      const ofHost = t.compute.hostRanges().map((range) => range.cidrBlock);
      expect(ofHost).not.toContain(made.cidrBlock);
      expect(ofHost).not.toContain(cidrBlock);
      await t.tamper.removeNetwork(holder);
    });

    it('tells when one is removed by hand', async () => {
      const made = await t.compute.createNetwork(networkSpec());
      await t.tamper.removeNetwork(made.id);
      await heard(made.owner.uid, /^network was removed$/);
      expect(t.compute.networks(made.owner.uid).state).toBe('absent');
    });
  });

  describe('volumes', () => {
    it('I3, I5: are found or made, removed once, and never taken over', async () => {
      const by = owner();
      const volume = { name: engineName(by), owner: by };
      await t.compute.ensureVolume(volume);
      await t.compute.ensureVolume(volume);
      expect(await t.compute.volumes()).toContainEqual(volume);
      await t.compute.removeVolume(volume.name);
      await t.compute.removeVolume(volume.name);
      expect(await t.compute.volumes()).not.toContainEqual(volume);
      await t.tamper.foreignVolume(volume.name);
      await expectPassError('NameTaken', t.compute.ensureVolume(volume));
      await expectPassError('NameTaken', t.compute.removeVolume(volume.name));
    });

    it('have the options they were made with, and no others later', async () => {
      const by = owner();
      const volume = { name: engineName(by), owner: by };
      const options = { type: 'tmpfs', device: 'tmpfs', o: 'size=1m' };
      await t.compute.ensureVolume({ ...volume, options });
      await t.compute.ensureVolume({ ...volume, options });
      await t.compute.ensureVolume(volume);
      const other = t.compute.ensureVolume({ ...volume, options: { ...options, o: 'size=2m' } });
      expect((await expectPassError('Refused', other)).message).toContain('size=1m');
      await t.compute.removeVolume(volume.name);
      await t.compute.ensureVolume(volume);
      await expectPassError('Refused', t.compute.ensureVolume({ ...volume, options }));
    });
  });
}
