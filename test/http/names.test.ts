import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startDaemon } from '../support/daemon.ts';
import type { TestDaemon } from '../support/daemon.ts';
import { call } from '../support/http.ts';
import type { RawAnswer, Refusal } from '../support/http.ts';
import { manifest, pathOf, vpc } from '../support/manifests.ts';

let daemon: TestDaemon;
beforeAll(async () => {
  daemon = await startDaemon({ engine: 'simulated' });
  for (const name of ['web', 'other'])
    expect((await call(daemon, 'POST', pathOf('scalinggroups'), { body: group(name, {}) })).status).toBe(201);
});
afterAll(() => daemon.stop());

/** Paused, so that nobody but the test writes. */
const group = (name: string, metadata: object) =>
  manifest(
    'ScalingGroup',
    name,
    { minInstances: 0, maxInstances: 3, desiredCount: 0, template: { spec: { image: 'web:1' } } },
    { annotations: { 'miniaws.dev/paused': 'true' }, ...metadata },
  );

const WEB = pathOf('scalinggroups', 'web');
const bodies: Record<string, (metadata: object) => object> = {
  whole: (metadata) => ({ ...group('web', {}), metadata }),
  status: (metadata) => ({ metadata, status: { phase: 'Lost' } }),
  scale: (metadata) => ({ kind: 'Scale', apiVersion: 'autoscaling/v1', metadata, spec: { replicas: 2 } }),
  merge: (metadata) => ({ metadata }),
  json: (metadata) =>
    Object.entries(metadata).map(([name, value]) => ({
      op: 'replace',
      path: `/metadata/${name}`,
      value: value as string,
    })),
};
/** Every way to write to an object by its URL, with a body that says of its metadata what it is given. */
const WAYS: [string, string, string, string, keyof typeof bodies][] = [
  ['PUT', 'PUT', '', 'application/json', 'whole'],
  ['PATCH merge', 'PATCH', '', 'application/merge-patch+json', 'merge'],
  ['PATCH json', 'PATCH', '', 'application/json-patch+json', 'json'],
  ['apply', 'PATCH', '?fieldManager=me', 'application/apply-patch+yaml', 'whole'],
  ['forced apply', 'PATCH', '?fieldManager=you&force=true', 'application/apply-patch+yaml', 'whole'],
  ['dry-run apply', 'PATCH', '?fieldManager=me&dryRun=All', 'application/apply-patch+yaml', 'whole'],
  ['PUT status', 'PUT', '/status', 'application/json', 'status'],
  ['PATCH status merge', 'PATCH', '/status', 'application/merge-patch+json', 'status'],
  ['PATCH status json', 'PATCH', '/status', 'application/json-patch+json', 'json'],
  ['PUT scale', 'PUT', '/scale', 'application/json', 'scale'],
  ['PATCH scale merge', 'PATCH', '/scale', 'application/merge-patch+json', 'scale'],
  ['PATCH scale json', 'PATCH', '/scale', 'application/json-patch+json', 'json'],
  ['plan', 'POST', '/plan', 'application/json', 'whole'],
];
const told = (answer: RawAnswer) => [answer.status, answer.json<Refusal>().reason, answer.json<Refusal>().message];
const stored = () =>
  daemon.database.query(
    "SELECT name, uid, revision FROM resources WHERE kind NOT IN ('ApiKey', 'Namespace') ORDER BY name",
  );

describe("a body that names another object than the URL is Kubernetes' 400, and changes nothing", () => {
  it.each(WAYS)('%s', async (_way, method, rest, type, body) => {
    const before = await stored();
    const send = (metadata: object) =>
      call(daemon, method, `${WEB}${rest}`, {
        body: JSON.stringify(bodies[body]?.(metadata)),
        headers: { 'content-type': type },
      });
    for (const name of ['other', 'nobody', ''])
      expect(told(await send({ name, namespace: 'default' }))).toEqual([
        400,
        'BadRequest',
        `the name of the object (${name}) does not match the name on the URL (web)`,
      ]);
    expect(told(await send({ name: 'web', namespace: 'elsewhere' }))).toEqual([
      400,
      'BadRequest',
      'the namespace of the object (elsewhere) does not match the namespace on the request (default)',
    ]);
    expect(await stored()).toEqual(before);
  });

  it('of an apply that creates, too', async () => {
    const before = await stored();
    const answer = await call(daemon, 'PATCH', `${pathOf('vpcs', 'asked')}?fieldManager=me`, {
      body: JSON.stringify(vpc('made', {})),
      headers: { 'content-type': 'application/apply-patch+yaml' },
    });
    expect([answer.status, await stored()]).toEqual([400, before]);
  });

  it('of a POST, the namespace', async () => {
    const send = (namespace: unknown) =>
      call(daemon, 'POST', `${pathOf('vpcs')}?dryRun=All`, {
        body: { ...vpc('posted', {}), metadata: { name: 'posted', namespace } },
      });
    expect((await send('elsewhere')).status).toBe(400);
    expect((await send(5)).status).toBe(400);
    expect((await send('')).status).toBe(201);
  });

  it('a uid that is not the stored one is a 409, on every subresource', async () => {
    const metadata = { name: 'web', namespace: 'default', uid: crypto.randomUUID() };
    for (const [way, method, rest, type, body] of WAYS.filter(([way]) => !/^plan|json/.test(way))) {
      const answer = await call(daemon, method, `${WEB}${rest}`, {
        body: JSON.stringify(bodies[body]?.(metadata)),
        headers: { 'content-type': type },
      });
      expect([way, answer.status]).toEqual([way, 409]);
    }
  });
});
