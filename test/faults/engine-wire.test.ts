import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { valueOf } from '../../src/base/observed.ts';
import { createDockerCompute } from '../../src/drivers/docker/docker-compute.ts';
import { LABEL } from '../../src/drivers/labels.ts';
import { Cloud } from '../support/cloud.ts';
import { cleanInstallation, engine, freshInstallation } from '../support/engine.ts';
import { faultyEngine } from '../support/faulty-engine.ts';
import type { FaultyEngine, WireFault } from '../support/faulty-engine.ts';
import { instance, vpc } from '../support/manifests.ts';
import { sampled } from '../support/prove.ts';
import { eventually } from '../support/wait.ts';

let cloud: Cloud;
let wire: FaultyEngine;
/** The changing requests of undisturbed runs. */
const clean: Record<'create' | 'recreate' | 'delete', readonly string[]> = { create: [], recreate: [], delete: [] };

const FAULTS: Record<string, WireFault> = {
  'is answered 500': { is: 'refused', status: 500, message: 'layer does not exist' },
  'is answered 503': { is: 'refused', status: 503, message: 'the daemon is shutting down' },
  'is answered 404': { is: 'refused', status: 404, message: 'no such object: 0123456789ab' },
  'is answered 409': {
    is: 'refused',
    status: 409,
    message: 'removal of container 0123456789ab is already in progress',
  },
  'is cut off before the Engine has it': { is: 'cut' },
  'is done, and its answer lost': { is: 'lost' },
  'is done, and its answer breaks off': { is: 'broken' },
};
/** Those that a later step could mistake for another answer. */
const AT_CHANGES = ['is answered 500', 'is answered 409', 'is done, and its answer lost'];

/** A fault costs the request that it met and what finds out how that one ended. */
const COST = 2;

const placesOf = (requests: readonly string[]): number[] => requests.map((_, i) => i + 1);

const netOf = (name: string) => `net-${name}`;
const spec = (name: string, more: object = {}) => ({
  image: cloud.image,
  vpc: netOf(name),
  stopGracePeriod: '0s',
  volumes: [{ name: `${name}-data`, mountPath: '/data' }],
  ...more,
});
/** A name is used once: a named volume outlives its instance, and would make the next creation another. */
let made = 0;
/** What the tests leave running: judged at the end, together. */
const standing: string[] = [];
const freshName = (): string => `i${++made}`;
const make = async (name: string): Promise<void> => {
  const n = Number(name.slice(1));
  const cidrBlock = `10.215.${40 + Math.floor(n / 16)}.${(n % 16) * 16}/28`;
  await cloud.apply(vpc(netOf(name), { cidrBlock }), instance(name, spec(name)));
  await cloud.ready('instances', name);
};
const unmake = async (...names: string[]): Promise<void> => {
  await cloud.remove('instances', ...names);
  await cloud.remove('vpcs', ...names.map(netOf));
  await cloud.gone('instances', ...names);
  await cloud.gone('vpcs', ...names.map(netOf));
};

/** Runs `work` with the fault at its `at`-th changing request; what it costs stays within bounds. */
async function disturbed(what: keyof typeof clean, at: number, fault: WireFault, work: () => Promise<void>) {
  const where = `at request ${at} of ${clean[what].length} of the ${what} (${clean[what][at - 1]})`;
  wire.arm(at, fault);
  await work().catch((error: unknown) => {
    throw new Error(where, { cause: error });
  });
  expect(wire.struck(), where).toBe(true);
  expect(wire.changes()[at - 1], where).toBe(clean[what][at - 1]);
  expect(wire.changes().length, `${where}: ${wire.changes().join(', ')}`).toBeLessThanOrEqual(
    clean[what].length + COST,
  );
}

beforeAll(async () => {
  wire = await faultyEngine();
  cloud = await Cloud.start({ env: { DOCKER_HOST: wire.host } });
  // The host's firewall is set before the first network is made, once.
  await cloud.apply(vpc('first', { cidrBlock: '10.215.39.0/28' }));
  await cloud.ready('vpcs', 'first');
  wire.arm();
  const first = freshName();
  await make(first);
  clean.create = [...wire.changes()];
  wire.arm();
  await cloud.apply(instance(first, spec(first, { env: { ROUND: '0' } })));
  await cloud.ready('instances', first);
  clean.recreate = [...wire.changes()];
  wire.arm();
  await unmake(first);
  clean.delete = [...wire.changes()];
});
afterAll(async () => {
  await cloud?.close();
  await wire?.close();
});

describe('one request to the Engine goes wrong on the wire, anywhere, and the end is the same (F2, F6)', () => {
  it('an undisturbed run is what is counted against', () => {
    const [start, stop, removal] = ['POST /containers/…/start', 'POST /containers/…/stop', 'DELETE /containers/…'];
    const creation = ['POST /volumes/create', 'POST /containers/create', start];
    expect(clean).toEqual({
      create: ['POST /networks/create', ...creation],
      recreate: [stop, removal, ...creation.slice(1)],
      delete: [stop, removal, 'DELETE /networks/…'],
    });
  });

  it.each(Object.entries(FAULTS))('a request of a create %s', async (what, fault) => {
    for (const at of sampled(`create ${what}`, placesOf(clean.create))) {
      const name = freshName();
      await disturbed('create', at, fault, () => make(name));
      standing.push(name);
    }
  });

  it.each(AT_CHANGES)('a request of a recreate %s', async (kind) => {
    const name = freshName();
    await make(name);
    for (const at of sampled(`recreate ${kind}`, placesOf(clean.recreate))) {
      await disturbed('recreate', at, FAULTS[kind]!, async () => {
        await cloud.apply(instance(name, spec(name, { env: { ROUND: `${at}` } })));
        await cloud.ready('instances', name);
      });
      expect((await cloud.container(name)).Config.Env).toContain(`ROUND=${at}`);
    }
    standing.push(name);
  });

  it.each(AT_CHANGES)('a request of a delete %s', async (kind) => {
    const places = sampled(`delete ${kind}`, placesOf(clean.delete));
    const names = places.map(freshName);
    await Promise.all(names.map(make));
    for (const [i, name] of names.entries())
      await disturbed('delete', places[i]!, FAULTS[kind]!, async () => {
        await unmake(name);
        expect((await cloud.containers()).filter((c) => c.Labels[LABEL.name] === name)).toEqual([]);
        expect((await cloud.networks()).filter((n) => n.Labels?.[LABEL.name] === netOf(name))).toEqual([]);
      });
  });

  it('one is never answered until the driver’s deadline, and those of others, answered 3 s late, go on', async () => {
    const held = freshName();
    await make(held);
    wire.arm(1, { is: 'silent' });
    await cloud.remove('instances', held);
    await eventually('the request that is not answered', () => wire.struck());
    for (let at = 1; at <= clean.create.length; at++) {
      const name = freshName();
      wire.arm(at, { is: 'late', ms: 3_000 });
      await make(name);
      expect(wire.struck()).toBe(true);
      if (at === 1) expect(await cloud.find('instances', held)).toBeDefined();
      // On a slow machine, the two requests that end the one that was held are among them.
      expect(wire.changes().length, wire.changes().join(', ')).toBeLessThanOrEqual(clean.create.length + COST);
      standing.push(name);
    }
    await eventually('the end of the instance', async () => !(await cloud.find('instances', held)));
    await cloud.remove('vpcs', netOf(held));
    await cloud.gone('vpcs', netOf(held));
  });

  it.each(AT_CHANGES)('a request of what sets the firewall of the host %s', async (what) => {
    const installation = freshInstallation();
    const compute = createDockerCompute({ installation, host: wire.host });
    await compute.open();
    try {
      // The first run makes its image, too.
      await compute.closeMetadataAccess();
      const run = [
        'POST /containers/create',
        'POST /containers/…/start',
        'POST /containers/…/wait',
        'DELETE /containers/…',
      ];
      for (const at of placesOf(run)) {
        await compute.openMetadataAccess();
        wire.arm(at, FAULTS[what]);
        // It may say that the Engine is out of reach; whoever asked asks again.
        await compute.closeMetadataAccess().catch(() => undefined);
        expect(wire.struck()).toBe(true);
        expect(wire.changes()[at - 1]).toBe(run[at - 1]);
        wire.arm();
        if (valueOf(compute.metadataAccess()) !== 'closed') await compute.closeMetadataAccess();
        expect(valueOf(compute.metadataAccess())).toBe('closed');
      }
      await compute.openMetadataAccess();
      const helpers = { all: true, filters: { label: [`${LABEL.installation}=${installation}`] } };
      expect(await engine.listContainers(helpers)).toEqual([]);
    } finally {
      await compute.close();
      await cleanInstallation(installation);
    }
  });

  it('and what all of that has left is as it should be, and stays so', async () => {
    const asked = wire.changes().length;
    await cloud.judge(['first', ...standing.map(netOf)], standing);
    expect(wire.changes().slice(asked)).toEqual([]);
  });
});
