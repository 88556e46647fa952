import { expect, it } from 'vitest';
import type { AuditEvent } from '../../src/api/audit.ts';
import { uuid7 } from '../../src/base/uuid7.ts';
import { AUDIT } from '../../src/store/audit.ts';
import { storedVpc } from '../support/stored.ts';
import type { StoreSubject } from './subject.ts';

const NOW = Date.parse('2026-03-01T12:00:00Z');
const DAY_MS = 24 * 3_600_000;

const event = (over: Partial<AuditEvent> = {}): AuditEvent => ({
  id: uuid7(new Date()),
  at: new Date(NOW).toISOString(),
  key: 'dev',
  user: 'anna',
  address: '127.0.0.1',
  verb: 'create',
  resource: 'instances',
  subresource: '',
  namespace: 'shop',
  name: 'web',
  manager: 'kubectl',
  dryRun: false,
  code: 201,
  reason: '',
  latencyMs: 1.5,
  ...over,
});

/** The promises of `AuditStore`, for every implementation. */
export function auditContract(fresh: () => Promise<StoreSubject>): void {
  it('audit: what was appended is found by each of its filters, oldest first', async () => {
    const audit = (await (await fresh()).open()).beside(AUDIT);
    const [t0, t1, t2] = [0, 1, 2].map((n) => uuid7(new Date(NOW + n)));
    const one = event({ id: t0 });
    const refused = event({
      id: t1,
      user: 'bob',
      key: 'ci',
      code: 403,
      reason: 'Forbidden',
      verb: 'delete',
      name: 'db',
    });
    const later = event({ id: t2, at: new Date(NOW + 5_000).toISOString(), subresource: 'exec' });
    await audit.append([one, refused]);
    await audit.append([later]);
    expect(await audit.find({ limit: 10 })).toEqual([one, refused, later]);
    const found = async (query: object) => (await audit.find({ limit: 10, ...query })).map(({ id }) => id);
    expect(await found({ user: 'anna' })).toEqual([t0, t2]);
    expect(await found({ key: 'ci' })).toEqual([t1]);
    expect(await found({ refused: true })).toEqual([t1]);
    expect(await found({ verb: 'delete', resource: 'instances', namespace: 'shop', name: 'db' })).toEqual([t1]);
    expect(await found({ since: new Date(NOW + 1_000) })).toEqual([t2]);
    expect(await found({ limit: 1 })).toEqual([t2]);
  });

  it('audit: an event is committed with what it wrote, or not at all', async () => {
    const store = await (await fresh()).open();
    const put = { put: [storedVpc('a')] };
    await store.commit({ decide: () => put, user: 'anna', audit: () => event({ name: 'a' }) });
    await store.commit({ decide: () => ({}), user: 'anna', audit: () => event({ name: 'nothing' }) });
    await store.commit({ decide: () => put, dryRun: true, audit: () => event({ name: 'dry' }) });
    const refusal = () => {
      throw new Error('no');
    };
    await expect(store.commit({ decide: refusal, audit: () => event({ name: 'refused' }) })).rejects.toThrow('no');
    expect((await store.beside(AUDIT).find({ limit: 10 })).map(({ name }) => name)).toEqual(['a']);
    const [change] = await store.history({ kind: 'VPC', namespace: 'default', name: 'a' }, 10);
    expect(change).toMatchObject({ type: 'ADDED', user: 'anna' });
  });

  it('audit: retention removes what is old enough', async () => {
    const audit = (await (await fresh()).open()).beside(AUDIT);
    const old = new Date(Date.now() - 30 * DAY_MS);
    await audit.append([event({ at: old.toISOString(), name: 'old' }), event({ at: new Date().toISOString() })]);
    expect(await audit.prune(new Date(Date.now() - 20 * DAY_MS))).toBe(1);
    expect((await audit.find({ limit: 10 })).map(({ name }) => name)).toEqual(['web']);
  });
}
