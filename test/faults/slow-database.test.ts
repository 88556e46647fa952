import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Cloud } from '../support/cloud.ts';
import { freshDatabase } from '../support/database.ts';
import type { TestDatabase } from '../support/database.ts';
import { engine } from '../support/engine.ts';
import { instance, vpc } from '../support/manifests.ts';
import { slowDatabase } from '../support/slow-database.ts';
import type { SlowDatabase } from '../support/slow-database.ts';
import { eventually } from '../support/wait.ts';

let database: TestDatabase;
let slow: SlowDatabase;
let cloud: Cloud;

beforeAll(async () => {
  database = await freshDatabase();
  slow = await slowDatabase(database, { eachMs: 50, sometimesMs: 2_000, oftenness: 60 });
  cloud = await Cloud.start({ database: slow });
});
afterAll(async () => {
  await cloud?.close();
  await slow?.close();
  await database?.drop();
});

/** A write that outlasts its time is answered 503, and a person sends it again. */
const patiently = (write: () => Promise<unknown>): Promise<boolean> =>
  eventually('the database to take a write', async () => (await write(), true));

/** A statement of two seconds outlasts the lease: leadership may be lost and taken again, and nothing is done twice. */
describe('F16: a database that takes 50 ms a statement, and 2 s now and then', () => {
  it('converges, mends what a person breaks, and lets go of everything', async () => {
    const names = ['web-0', 'web-1', 'web-2'];
    const spec = { image: cloud.image, vpc: 'slow', stopGracePeriod: '0s' };
    await patiently(() => cloud.apply(vpc('slow', { cidrBlock: '10.214.48.0/24' })));
    for (const name of names) await patiently(() => cloud.apply(instance(name, spec)));
    await cloud.ready('instances', ...names);
    const { Id } = await cloud.container('web-1');
    await engine.getContainer(Id).remove({ force: true });
    await eventually('another container', async () => (await cloud.container('web-1')).Id !== Id);
    await cloud.ready('instances', ...names);
    // What is Ready was so when it was last looked at.
    await eventually('all to run', async () => {
      expect((await cloud.containers()).map((c) => c.State)).toEqual(names.map(() => 'running'));
      return true;
    });
    for (const name of names) await patiently(() => cloud.remove('instances', name));
    await patiently(() => cloud.remove('vpcs', 'slow'));
    await cloud.gone('instances', ...names);
    await cloud.gone('vpcs', 'slow');
    expect(await cloud.containers()).toEqual([]);
    expect(await cloud.networks()).toEqual([]);
  });
});
