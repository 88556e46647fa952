import { describe, expect, it } from 'vitest';
import { CONFIG_PATH, fileOf, renderConfig, structureOf } from '../../../src/drivers/haproxy/configuration.ts';
import type { ServerRef } from '../../../src/drivers/proxies.ts';
import { eventually } from '../../support/wait.ts';
import { expectPassError } from '../contract/context.ts';
import { sessionContract } from './sessions.ts';
import { addressOf, config, proxyContext, type ProxyContext, type ProxySubject } from './context.ts';

const at = (server: string): ServerRef => ({ backend: 'app', server });

/** The promises of `Proxies`, the same for every implementation; `more` is for one alone. */
export function proxyContract(name: string, open: () => Promise<ProxySubject>, more?: (t: ProxyContext) => void): void {
  describe(name, () => {
    const t = proxyContext(open);
    lifeContract(t);
    membershipContract(t);
    reloadContract(t);
    sessionContract(t);
    more?.(t);
  });
}

function lifeContract(t: ProxyContext): void {
  describe('a proxy’s life', () => {
    it('is absent until its container runs, and then says what it was given', async () => {
      const web = await t.web();
      const wanted = config({ s1: addressOf(web) });
      const { id } = await t.made(wanted);
      expect(await t.proxies.state(id)).toEqual({ state: 'absent' });
      const before = Date.now();
      await t.compute.startContainer(id);
      const state = await eventually('it to answer', () => t.state(id));
      expect(state).toMatchObject({ structure: structureOf(wanted), file: fileOf(renderConfig(wanted)) });
      expect(Math.abs(state.since.getTime() - before)).toBeLessThan(10_000);
      expect(state.servers).toMatchObject([
        { ...at('s1'), address: addressOf(web), port: 80, mode: 'ready', sessions: 0 },
      ]);
      const server = await eventually('a check', async () => {
        const seen = await t.server(id, at('s1'));
        return seen?.lastCheck ? seen : undefined;
      });
      expect(server).toMatchObject({ health: 'up', lastCheck: expect.stringMatching(/^L7OK/), passed: true });
      const absent = await t.proxies.state('0'.repeat(64));
      expect(absent).toEqual({ state: 'absent' });
    });

    it('sees a server fail and come back, and says why and when', async () => {
      const [web, other] = [await t.web(), await t.web()];
      const { id } = await t.started(config({ s1: addressOf(web), s2: addressOf(other) }));
      await eventually('both up', async () => (await t.server(id, at('s1')))?.lastCheck);
      await t.compute.stopContainer(web.id, 0, 60_000);
      const stopped = Date.now();
      const down = await eventually('it to be down', async () => {
        const seen = await t.server(id, at('s1'));
        return seen?.health === 'down' ? seen : undefined;
      });
      expect(down).toMatchObject({ mode: 'ready', lastCheck: expect.stringMatching(/^L4(CON|TOUT)/), passed: false });
      expect(down.changedAt.getTime()).toBeGreaterThanOrEqual(stopped - 2_000);
      expect(down.changedAt.getTime()).toBeLessThanOrEqual(Date.now());
      expect(await t.server(id, at('s2'))).toMatchObject({ health: 'up' });
      await t.compute.startContainer(web.id);
      await eventually('it to be up', async () => (await t.server(id, at('s1')))?.health === 'up');
    });

    it('is absent when its container was killed, and answers again when it is started', async () => {
      const web = await t.web();
      const { id } = await t.started(config({ s1: addressOf(web) }));
      await eventually('it to answer', () => t.state(id));
      await t.compute.stopContainer(id, 0, 60_000);
      expect(await t.proxies.state(id)).toEqual({ state: 'absent' });
      await expectPassError('EngineError', t.proxies.addServer(id, at('s2'), { address: '10.0.0.1', port: 80 }));
      await t.compute.startContainer(id);
      await eventually('it to answer again', () => t.state(id));
    });

    it('comes back by itself with what its file says: what was done at run time is gone', async () => {
      const web = await t.web();
      const { id } = await t.started(config({ s1: addressOf(web) }));
      const first = await eventually('it to answer', () => t.state(id));
      await t.proxies.addServer(id, at('s2'), { address: addressOf(web), port: 80 });
      await t.proxies.setServer(id, at('s1'), 'drain');
      await t.subject.hands.crash(id);
      const again = await eventually('it to answer again', async () => {
        const state = await t.state(id);
        return state.servers.length === 1 ? state : undefined;
      });
      expect(again.servers).toMatchObject([{ ...at('s1'), mode: 'ready' }]);
      expect(again.since.getTime()).toBeGreaterThanOrEqual(first.since.getTime());
    });

    it('I4: one that runs and says nothing is unobservable, and no call on it waits for ever', async () => {
      const web = await t.web();
      const { id } = await t.started(config({ s1: addressOf(web) }));
      await eventually('it to answer', () => t.state(id));
      await t.subject.hands.silence(id);
      const [state] = await Promise.all([
        t.proxies.state(id),
        expectPassError('EngineUnavailable', t.proxies.setServer(id, at('s1'), 'drain')),
      ]);
      expect(state.state).toBe('unobservable');
    });
  });
}

function membershipContract(t: ProxyContext): void {
  describe('membership', () => {
    it('adds, drains, takes away and removes, each as often as it is asked', async () => {
      const web = await t.web();
      const place = { address: addressOf(web), port: 80 };
      const { id } = await t.started(config({ s1: addressOf(web) }));
      await eventually('it to answer', () => t.state(id));
      for (let times = 0; times < 2; times++) await t.proxies.addServer(id, at('s2'), place);
      const added = await eventually('its check', async () => {
        const seen = await t.server(id, at('s2'));
        return seen?.lastCheck ? seen : undefined;
      });
      expect(added).toMatchObject({ ...place, mode: 'ready', health: 'up', lastCheck: expect.stringMatching(/^L7OK/) });
      for (const mode of ['drain', 'drain', 'ready', 'maint', 'maint', 'drain', 'ready', 'maint'] as const) {
        await t.proxies.setServer(id, at('s2'), mode);
        expect(await t.server(id, at('s2'))).toMatchObject({ mode });
      }
      for (let times = 0; times < 2; times++) await t.proxies.removeServer(id, at('s2'));
      expect((await t.state(id)).servers.map((s) => s.server)).toEqual(['s1']);
      await t.proxies.setServer(id, at('s1'), 'maint');
      await t.proxies.removeServer(id, at('s1'));
      await t.proxies.removeServer(id, { backend: 'none', server: 's1' });
      expect((await t.state(id)).servers).toEqual([]);
    });

    it('one that is added, or comes back from maintenance, is down until a check of it has succeeded', async () => {
      const web = await t.web();
      const [s1, nobody] = [at('s1'), at('nobody')];
      const { id } = await t.started(config({ s1: addressOf(web) }));
      await eventually('a check', async () => (await t.server(id, s1))?.lastCheck);
      await t.proxies.addServer(id, nobody, { address: `${t.subject.range}.250`, port: 80 });
      expect(await t.server(id, nobody)).toMatchObject({ mode: 'ready', health: 'down', lastCheck: '' });
      await t.proxies.setServer(id, s1, 'maint');
      await t.compute.stopContainer(web.id, 0, 60_000);
      await t.proxies.setServer(id, s1, 'ready');
      expect(await t.server(id, s1)).toMatchObject({ mode: 'ready', health: 'down' });
      for (const ref of [s1, nobody]) {
        const checked = await eventually('a check that fails', async () => {
          const seen = await t.server(id, ref);
          return seen?.lastCheck && !seen.passed ? seen : undefined;
        });
        expect(checked).toMatchObject({ health: 'down', lastCheck: expect.stringMatching(/^L4(CON|TOUT)/) });
      }
      await t.compute.startContainer(web.id);
      await eventually('it to be up', async () => (await t.server(id, s1))?.health === 'up');
    });

    it('one whose checks begin to succeed is down until as many have as its threshold says', async () => {
      const web = await t.web();
      const wanted = config({});
      const backends = wanted.backends.map((b) => ({ ...b, check: { ...b.check, healthyThreshold: 5 } }));
      const { id } = await t.started({ ...wanted, backends });
      await t.proxies.addServer(id, at('s1'), { address: addressOf(web), port: 80 });
      const checked = await eventually('a check', async () => {
        const seen = await t.server(id, at('s1'));
        return seen?.lastCheck ? seen : undefined;
      });
      expect(checked).toMatchObject({ health: 'down', passed: true, lastCheck: expect.stringMatching(/^L7OK/) });
      await eventually('it to be up', async () => (await t.server(id, at('s1')))?.health === 'up');
    });

    it('a server in maintenance is made ready by adding it again; one at another address is refused', async () => {
      const web = await t.web();
      const place = { address: addressOf(web), port: 80 };
      const { id } = await t.started(config({ s1: addressOf(web) }));
      await eventually('it to answer', () => t.state(id));
      await t.proxies.setServer(id, at('s1'), 'maint');
      await t.proxies.addServer(id, at('s1'), place);
      expect(await t.server(id, at('s1'))).toMatchObject({ ...place, mode: 'ready' });
      const elsewhere = t.proxies.addServer(id, at('s1'), { address: '10.213.9.9', port: 80 });
      expect((await expectPassError('Refused', elsewhere)).message).toContain(`${place.address}:80`);
      await expectPassError('EngineError', t.proxies.addServer(id, { backend: 'none', server: 's1' }, place));
      await expectPassError('EngineError', t.proxies.setServer(id, at('none'), 'drain'));
    });

    it('removes none that is not in maintenance, and none that has sessions', async () => {
      const web = await t.web();
      const ref = { backend: 'hold', server: 's1' };
      const container = await t.started(config({}));
      const { id } = container;
      await eventually('it to answer', () => t.state(id));
      await t.proxies.addServer(id, ref, { address: addressOf(web), port: 81 });
      await eventually('it to be up', async () => (await t.server(id, ref))?.health === 'up');
      await expectPassError('DependencyNotReady', t.proxies.removeServer(id, ref));
      const release = await t.subject.hands.hold(container, ref);
      await eventually('the session', async () => (await t.server(id, ref))?.sessions === 1);
      await t.proxies.setServer(id, ref, 'maint');
      await expectPassError('DependencyNotReady', t.proxies.removeServer(id, ref));
      release();
      await eventually('its end', async () => (await t.server(id, ref))?.sessions === 0);
      await t.proxies.removeServer(id, ref);
      expect(await t.server(id, ref)).toBeUndefined();
    });

    it('breaks off the sessions of a server that must go', async () => {
      const web = await t.web();
      const ref = { backend: 'hold', server: 's1' };
      const container = await t.started(config({}));
      const { id } = container;
      await eventually('it to answer', () => t.state(id));
      await t.proxies.addServer(id, ref, { address: addressOf(web), port: 81 });
      await eventually('it to be up', async () => (await t.server(id, ref))?.health === 'up');
      await t.proxies.endSessions(id, ref);
      await t.subject.hands.hold(container, ref);
      await eventually('the session', async () => (await t.server(id, ref))?.sessions === 1);
      await t.proxies.setServer(id, ref, 'maint');
      await t.proxies.endSessions(id, ref);
      await eventually('its end', async () => (await t.server(id, ref))?.sessions === 0);
      await t.proxies.removeServer(id, ref);
    });

    it('sees what a person did by hand', async () => {
      const web = await t.web();
      const { id } = await t.started(config({ s1: addressOf(web) }));
      await eventually('it to answer', () => t.state(id));
      await t.subject.hands.addByHand(id, at('byhand'), { address: addressOf(web), port: 80 });
      await t.subject.hands.setByHand(id, at('s1'), 'drain');
      expect(await t.server(id, at('byhand'))).toMatchObject({ address: addressOf(web), port: 80 });
      expect(await t.server(id, at('s1'))).toMatchObject({ mode: 'drain' });
      const { file } = await t.state(id);
      await t.subject.hands.tamper(id, CONFIG_PATH);
      expect((await t.state(id)).file).not.toBe(file);
    });

    it('another daemon sees and changes the same', async () => {
      const web = await t.web();
      const { id } = await t.started(config({ s1: addressOf(web) }));
      await eventually('it to answer', () => t.state(id));
      const other = t.subject.another();
      try {
        await other.addServer(id, at('s2'), { address: addressOf(web), port: 80 });
        await other.setServer(id, at('s1'), 'drain');
        expect((await t.state(id)).servers).toMatchObject([{ mode: 'drain' }, { ...at('s2'), mode: 'ready' }]);
      } finally {
        other.close();
      }
    });
  });
}

function reloadContract(t: ProxyContext): void {
  describe('reload', () => {
    it('takes up what was stored, and nothing before it is told to', async () => {
      const web = await t.web();
      const first = config({ s1: addressOf(web) });
      const { id } = await t.started(first);
      const before = await eventually('it to answer', () => t.state(id));
      const next = { ...first, listeners: first.listeners.slice(0, 1), drainMs: 10_000 };
      expect(await t.proxies.complaint(id, next)).toBeUndefined();
      await t.proxies.store(id, next);
      expect(await t.state(id)).toMatchObject({ structure: before.structure, file: fileOf(renderConfig(next)) });
      await t.proxies.reload(id);
      expect(await t.state(id)).toMatchObject({ structure: structureOf(next), servers: [at('s1')] });
      await t.proxies.reload(id);
      expect((await t.state(id)).structure).toBe(structureOf(next));
    });

    it('knows afterwards what its checks have said before', async () => {
      const [web, s2] = [await t.web(), at('s2')];
      const wanted = config({ s1: addressOf(web), s2: `${t.subject.range}.251` });
      const { id } = await t.started(wanted);
      const seen = await eventually('it to be down', async () => {
        const server = await t.server(id, s2);
        return server?.health === 'down' ? server : undefined;
      });
      // Nobody is checked for long: what is known then is what was known before.
      const backends = wanted.backends.map((b) => ({ ...b, check: { ...b.check, intervalMs: 60_000 } }));
      const next = { ...wanted, backends };
      await t.proxies.store(id, next);
      await t.proxies.reload(id);
      expect(await t.server(id, s2)).toMatchObject({ mode: 'ready', health: 'down', lastCheck: seen.lastCheck });
      expect(await t.server(id, at('s1'))).toMatchObject({ mode: 'ready', health: 'up' });
    });

    it('refuses what the proxy will not have, says why, and goes on as before', async () => {
      const web = await t.web();
      const wanted = config({ s1: addressOf(web) });
      const { id } = await t.started(wanted);
      await eventually('it to answer', () => t.state(id));
      const bad = t.subject.hands.refusing(id, wanted);
      const complaint = await t.proxies.complaint(id, bad);
      expect(complaint).toMatch(/unable to find .*nowhere/);
      expect(complaint).not.toMatch(/ALERT|\/etc\//);
      expect((await t.state(id)).file).toBe(fileOf(renderConfig(wanted)));
      await t.proxies.store(id, bad);
      const error = await expectPassError('Refused', t.proxies.reload(id));
      expect(error.message).toContain(complaint);
      expect(await t.state(id)).toMatchObject({ structure: structureOf(wanted), servers: [at('s1')] });
    });
  });
}
