import { afterAll, beforeAll, expect, it } from 'vitest';
import { systemClock } from '../../../src/base/clock.ts';
import { silentLog } from '../../../src/base/log.ts';
import type { Compute } from '../../../src/drivers/compute.ts';
import { createDockerCompute } from '../../../src/drivers/docker/docker-compute.ts';
import { cleanInstallation, freshInstallation } from '../../support/engine.ts';
import { faultyEngine } from '../../support/faulty-engine.ts';
import type { FaultyEngine } from '../../support/faulty-engine.ts';

const installation = freshInstallation();
let wire: FaultyEngine;
let compute: Compute;
beforeAll(async () => {
  wire = await faultyEngine();
  compute = createDockerCompute({ installation, host: wire.host, log: silentLog, clock: systemClock });
  await compute.open();
});
afterAll(async () => {
  await compute.close();
  await wire.close();
  await cleanInstallation(installation);
});

it('found: a network whose endpoints the Engine has miscounted says what to do, and goes when it can', async () => {
  const network = await compute.createNetwork({
    owner: { uid: crypto.randomUUID(), kind: 'VPC', namespace: 'default', name: 'net', generation: 1 },
    name: `${installation}-net`,
    cidrBlock: '10.213.249.0/24',
    gateway: '10.213.249.1',
    internal: false,
  });
  wire.arm(1, { is: 'refused', status: 403, message: `network ${network.name} id ${network.id} has active endpoints` });
  await expect(compute.removeNetwork(network.id)).rejects.toThrow(
    /has no container, and the Engine refuses to remove it.*Restart the Engine/,
  );
  await compute.removeNetwork(network.id);
  expect(compute.networks(network.owner.uid)).toMatchObject({ state: 'absent' });
});
