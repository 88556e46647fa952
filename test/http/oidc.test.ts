import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { OAuth2Server } from 'oauth2-mock-server';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { roleOfGroup } from '../../src/http/oidc.ts';
import { startDaemon } from '../support/daemon.ts';
import type { TestDaemon } from '../support/daemon.ts';
import { call, watch } from '../support/http.ts';
import type { Refusal } from '../support/http.ts';

const MAPS = '/api/v1/namespaces/default/configmaps';
const issuer = new OAuth2Server();
let daemon: TestDaemon;
beforeAll(async () => {
  await issuer.issuer.keys.generate('RS256');
  await issuer.start(0, '127.0.0.1');
  const { port } = issuer.address();
  issuer.issuer.url = `http://127.0.0.1:${port}`;
  daemon = await startDaemon({
    engine: 'simulated',
    env: {
      MINIAWS_OIDC_ISSUER: issuer.issuer.url,
      MINIAWS_OIDC_CLIENT_ID: 'miniaws',
      MINIAWS_OIDC_USERNAME_CLAIM: 'email',
      MINIAWS_OIDC_ROLES: 'dev=edit@default,*=view@shop',
    },
  });
});
afterAll(async () => {
  await daemon.stop();
  await issuer.stop();
});

interface Claims {
  groups?: readonly string[] | string;
  [claim: string]: unknown;
}

/** As the issuer signs it, and the daemon as who has it. */
async function signedIn(claims: Claims = {}, server = issuer, expiresIn = 300) {
  const token = await server.issuer.buildToken({
    expiresIn,
    scopesOrTransform: (_header, payload) =>
      void Object.assign(payload, { aud: 'miniaws', email: 'anna@example.com', ...claims }),
  });
  return { url: daemon.url, ca: daemon.ca, token };
}
const status = async (claims: Claims) => (await call(await signedIn(claims), 'GET', MAPS)).status;
const refusal = async (who: Awaited<ReturnType<typeof signedIn>>) => {
  const answer = await call(who, 'GET', MAPS);
  return [answer.status, answer.json<Refusal>().message];
};
const map = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' }, data: {} };

describe('who has signed in at the company', () => {
  it('may do what the groups may, and is known by the claim', async () => {
    const anna = await signedIn({ groups: ['dev', 'other'] });
    expect((await call(anna, 'POST', MAPS, { body: map })).status).toBe(201);
    expect((await call(anna, 'GET', '/api/v1/namespaces/shop/configmaps')).status).toBe(200);
    expect((await call(anna, 'GET', '/api/v1/namespaces/prod/configmaps')).status).toBe(403);
    const review = await call(anna, 'POST', '/apis/authentication.k8s.io/v1/selfsubjectreviews', { body: {} });
    expect(review.json()).toMatchObject({
      status: { userInfo: { username: 'anna@example.com', groups: ['dev', 'other'] } },
    });
    expect(await status({ groups: 'dev' })).toBe(200);
    expect(await status({})).toBe(403);
  });

  it('is refused with a token for somebody else, of somebody else, or of nobody', async () => {
    expect(await refusal(await signedIn({ groups: ['dev'], aud: 'another' }))).toEqual([
      401,
      expect.stringMatching(/"aud"/),
    ]);
    expect(await refusal(await signedIn({ groups: ['dev'], iss: 'https://other.example' }))).toEqual([
      401,
      expect.stringMatching(/"iss"/),
    ]);
    expect(await refusal(await signedIn({ groups: ['dev'], email: undefined }))).toEqual([
      401,
      expect.stringMatching(/no claim "email"/),
    ]);
    expect(await refusal(await signedIn({ groups: ['dev'], email_verified: false }))).toEqual([
      401,
      expect.stringMatching(/not verified/),
    ]);
    expect(await refusal(await signedIn({ groups: ['dev'] }, issuer, -60))).toEqual([
      401,
      'the token has expired: sign in again',
    ]);
    const stranger = new OAuth2Server();
    await stranger.issuer.keys.generate('RS256');
    stranger.issuer.url = issuer.issuer.url ?? '';
    expect(await refusal(await signedIn({ groups: ['dev'] }, stranger))).toEqual([
      401,
      expect.stringMatching(/not accepted/),
    ]);
    const { token, ...who } = await signedIn({ groups: ['dev'] });
    const [, payload = ''] = token.split('.');
    const none = Buffer.from('{"alg":"none"}').toString('base64url');
    expect(await refusal({ ...who, token: `${none}.${payload}.x` })).toEqual([
      401,
      expect.stringMatching(/not accepted/),
    ]);
  });

  it('loses what is open when the token ends', async () => {
    const brief = await signedIn({ groups: ['dev'] }, issuer, 2);
    const open = await watch(brief, `${MAPS}?watch=true`);
    await open.ended;
    expect(open.response.statusCode).toBe(200);
  });
});

describe('an issuer that does not answer', () => {
  it('keeps nobody else out, and is told as such', async () => {
    const dead = createServer((_request, response) => response.writeHead(500).end());
    dead.listen(0, '127.0.0.1');
    await once(dead, 'listening');
    const url = `http://127.0.0.1:${(dead.address() as AddressInfo).port}`;
    const other = await startDaemon({
      engine: 'simulated',
      env: { MINIAWS_OIDC_ISSUER: url, MINIAWS_OIDC_CLIENT_ID: 'miniaws' },
    });
    try {
      const { token } = await signedIn();
      const answer = await call({ ...other, token }, 'GET', MAPS);
      expect([answer.status, answer.json<Refusal>().message]).toEqual([
        503,
        expect.stringMatching(/does not answer: .* answered 500/),
      ]);
      expect((await call(other, 'GET', MAPS)).status).toBe(200);
    } finally {
      await other.stop();
      dead.close();
    }
  });
});

describe('roles of groups', () => {
  it.each([
    ['ops=admin', { group: 'ops', role: 'admin' }],
    ['dev=edit@shop+stage', { group: 'dev', role: 'edit', namespaces: ['shop', 'stage'] }],
    ['*=view', { group: '*', role: 'view' }],
  ])('%s', (text, expected) => expect(roleOfGroup(text)).toEqual(expected));
  it.each(['ops', 'ops=root', 'ops=edit@', '=view'])('%s is none', (text) =>
    expect(() => roleOfGroup(text)).toThrow(/expected GROUP=ROLE/),
  );
});
