import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { postCommitStatus, type Forge } from '../../../src/drivers/git/commit-status.ts';
import { notify } from '../../../src/drivers/git/notify.ts';

const TOKEN = 'hunter2-token';
const SHA = 'a'.repeat(40);

/** What a forge or a chat gets, and what it answers. */
let got: { method: string; url: string; headers: IncomingMessage['headers']; body: unknown }[] = [];
let answer: (response: ServerResponse) => void;
let host = '';
const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request
    .on('data', (chunk: Buffer) => chunks.push(chunk))
    .on('end', () => {
      const body: unknown = JSON.parse(Buffer.concat(chunks).toString());
      got.push({ method: request.method ?? '', url: request.url ?? '', headers: request.headers, body });
      answer(response);
    });
});

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
});
beforeEach(() => {
  got = [];
  answer = (response) => response.writeHead(201).end('{}');
});
afterAll(() => {
  server.close();
  server.closeAllConnections();
});

const status = {
  sha: SHA,
  state: 'failure' as const,
  name: 'miniaws/cluster',
  description: 'd'.repeat(300),
  targetUrl: 'https://cloud/x',
};
const post = (
  forge: Forge,
  more: { url?: string; apiUrl?: string } = {},
  state: 'pending' | 'failure' = 'failure',
  signal?: AbortSignal,
) => postCommitStatus({ forge, url: `http://${host}/o/r.git`, token: TOKEN, ...more }, { ...status, state }, signal);

describe('the status of a commit', () => {
  it.each<[Forge, string, string, string, number, object]>([
    [
      'github',
      `/api/v3/repos/o/r/statuses/${SHA}`,
      'authorization',
      `Bearer ${TOKEN}`,
      140,
      { state: 'failure', context: 'miniaws/cluster' },
    ],
    [
      'gitea',
      `/api/v1/repos/o/r/statuses/${SHA}`,
      'authorization',
      `token ${TOKEN}`,
      255,
      { state: 'failure', context: 'miniaws/cluster' },
    ],
    [
      'gitlab',
      `/api/v4/projects/o%2Fr/statuses/${SHA}`,
      'private-token',
      TOKEN,
      255,
      { state: 'failed', name: 'miniaws/cluster' },
    ],
  ])('is posted as %s has it', async (forge, url, header, token, longest, body) => {
    expect(await post(forge)).toEqual({ delivered: true });
    expect(got).toMatchObject([
      { method: 'POST', url, headers: { [header]: token }, body: { ...body, target_url: 'https://cloud/x' } },
    ]);
    expect((got[0]!.body as { description: string }).description).toHaveLength(longest);
  });

  it('finds the repository by whatever url git has of it', async () => {
    const apiUrl = `http://${host}/api/`;
    for (const url of ['git@forge:group/sub/r.git', 'ssh://git@forge:2222/group/sub/r', 'https://forge/group/sub/r/'])
      expect(await post('gitlab', { url, apiUrl })).toEqual({ delivered: true });
    expect(new Set(got.map(({ url }) => url))).toEqual(new Set([`/api/projects/group%2Fsub%2Fr/statuses/${SHA}`]));
    expect(await post('github', { url: 'file:///srv/r' })).toMatchObject({ delivered: false, retry: false });
  });

  it('that GitLab has already is no failure', async () => {
    const say = (from: string) => (response: ServerResponse) =>
      response.writeHead(400).end(JSON.stringify({ message: `Cannot transition status via :enqueue from :${from}` }));
    answer = say('pending');
    expect(await post('gitlab', {}, 'pending')).toEqual({ delivered: true });
    answer = say('canceled');
    expect(await post('gitlab', {}, 'pending')).toMatchObject({ delivered: false });
  });

  it.each([
    [401, false, 'refuses the token'],
    [404, false, 'knows nothing at this url'],
    [301, false, 'answers elsewhere'],
    [422, false, 'refuses the message (422): "No commit found"'],
    [429, true, 'it fails (429)'],
    [503, true, 'it fails (503)'],
  ])('that is answered with %i is told, and whether to try again: %s', async (code, retry, message) => {
    answer = (response) =>
      response.writeHead(code, { Location: 'http://169.254.169.254/' }).end('{"message":"No commit found"}');
    const delivery = await post('github');
    expect(delivery).toMatchObject({ delivered: false, retry, message: expect.stringContaining(message) as string });
    expect(JSON.stringify(delivery)).not.toContain(TOKEN);
    expect(got).toHaveLength(1);
  });

  it('never throws: not for a server that is away, that breaks off, or a call that is given up', async () => {
    answer = (response) => response.destroy();
    expect(await post('github')).toMatchObject({ delivered: false, retry: true });
    answer = () => undefined;
    const given = new AbortController();
    const call = post('github', {}, 'failure', given.signal);
    given.abort();
    expect(await call).toMatchObject({ delivered: false, retry: true });
    expect(await post('github', { apiUrl: 'http://127.0.0.1:1' })).toMatchObject({
      delivered: false,
      message: '127.0.0.1:1 cannot be reached: ECONNREFUSED',
    });
    expect(await post('github', { apiUrl: 'file:///etc' })).toMatchObject({ delivered: false, retry: false });
  });
});

describe('a notification', () => {
  const notification = {
    subject: 'GitSync/default/cluster',
    severity: 'error' as const,
    reason: 'Refused',
    message: '<!channel> a & b',
    revision: SHA,
    at: new Date(0),
  };

  it('is one text for Slack, which mentions nobody, and the whole for others', async () => {
    expect(await notify({ url: `http://${host}/hook/secret`, form: 'slack' }, notification)).toEqual({
      delivered: true,
    });
    expect(await notify({ url: `http://${host}/hook/secret`, form: 'json' }, notification)).toEqual({
      delivered: true,
    });
    expect(got.map(({ body }) => body)).toEqual([
      { text: `:red_circle: *GitSync/default/cluster* Refused at ${SHA.slice(0, 12)}\n&lt;!channel&gt; a &amp; b` },
      { ...notification, at: '1970-01-01T00:00:00.000Z' },
    ]);
  });

  it('that is refused is told without the url, which is a secret', async () => {
    answer = (response) => response.writeHead(404).end('no_service');
    const delivery = await notify({ url: `http://${host}/hook/secret`, form: 'slack' }, notification);
    expect(delivery).toMatchObject({ delivered: false, retry: false });
    expect(JSON.stringify(delivery)).not.toContain('secret');
  });
});
