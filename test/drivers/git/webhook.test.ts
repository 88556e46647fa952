import { createHmac } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { isAuthentic, pushOf } from '../../../src/drivers/git/webhook.ts';

const SECRET = "It's a Secret to Everybody";
const body = Buffer.from('Hello, World!');
const hmac = createHmac('sha256', SECRET).update(body).digest('hex');

describe('who sent it', () => {
  it.each<[string, Record<string, string | string[]>, boolean]>([
    // The example of GitHub's documentation.
    [
      'GitHub',
      { 'x-hub-signature-256': 'sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17' },
      true,
    ],
    ['Gitea', { 'x-gitea-signature': hmac }, true],
    ['Gitea, which sends both', { 'x-gitea-signature': hmac, 'x-hub-signature-256': `sha256=${hmac}` }, true],
    ['GitLab', { 'x-gitlab-token': SECRET }, true],
    ['a script', { 'x-signature-256': `sha256=${hmac.toUpperCase()}` }, true],
    ['nobody', {}, false],
    ['an old GitHub, by SHA-1 alone', { 'x-hub-signature': `sha1=${hmac}` }, false],
    ['another secret', { 'x-hub-signature-256': `sha256=${hmac.replace(/./, (c) => (c === '0' ? '1' : '0'))}` }, false],
    ['a part of it', { 'x-hub-signature-256': `sha256=${hmac.slice(0, 32)}` }, false],
    ['an empty one', { 'x-hub-signature-256': '' }, false],
    ['two of one kind', { 'x-hub-signature-256': [`sha256=${hmac}`, 'x'] }, false],
    ['a good and a bad one', { 'x-hub-signature-256': `sha256=${hmac}`, 'x-gitlab-token': 'x' }, false],
  ])('%s', (_, headers, good) => {
    expect(isAuthentic({ headers, body }, SECRET)).toBe(good);
  });

  it('of a changed body it is nobody, and an empty secret lets nobody in', () => {
    const headers = { 'x-gitea-signature': hmac };
    expect(isAuthentic({ headers, body: Buffer.from('Hello, World?') }, SECRET)).toBe(false);
    expect(isAuthentic({ headers: { 'x-gitlab-token': '' }, body }, '')).toBe(false);
    const empty = createHmac('sha256', '').update(body).digest('hex');
    expect(isAuthentic({ headers: { 'x-gitea-signature': empty }, body }, '')).toBe(false);
  });
});

describe('what was pushed', () => {
  const sha = 'b'.repeat(40);
  const push = (payload: unknown, headers = {}) =>
    pushOf({ headers, body: Buffer.from(typeof payload === 'string' ? payload : JSON.stringify(payload)) });

  it.each<[string, unknown, unknown]>([
    ['a branch', { ref: 'refs/heads/a/b', after: sha }, { ref: 'refs/heads/a/b', branch: 'a/b', sha }],
    [
      'a tag, by GitLab',
      { object_kind: 'tag_push', ref: 'refs/tags/v1', after: sha, checkout_sha: sha },
      { ref: 'refs/tags/v1', tag: 'v1', sha },
    ],
    ['by a script', { ref: 'refs/heads/main', sha }, { ref: 'refs/heads/main', branch: 'main', sha }],
    ['a deletion', { ref: 'refs/heads/x', after: '0'.repeat(40) }, { ref: 'refs/heads/x', branch: 'x' }],
    ['a ping', { zen: 'Keep it logically awesome.', hook_id: 1 }, undefined],
    ['a ref of another type', { ref: 7 }, undefined],
    ['no object', 'null', undefined],
    ['no JSON', '{', undefined],
  ])('%s', (_, payload, expected) => {
    expect(push(payload)).toEqual(expected);
  });

  it('a form of GitHub', () => {
    const form = new URLSearchParams({ payload: JSON.stringify({ ref: 'refs/heads/main', after: sha }) }).toString();
    expect(push(form, { 'content-type': 'application/x-www-form-urlencoded' })).toMatchObject({ branch: 'main', sha });
  });
});
