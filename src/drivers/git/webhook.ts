import { createHmac, timingSafeEqual } from 'node:crypto';

/** A request that a forge sends when somebody has pushed. Names of headers are in lower case. */
export interface WebhookRequest {
  headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  /** As it came: the signature is over these bytes. */
  body: Buffer;
}

/** What was pushed. */
export interface Push {
  /** `refs/heads/main`, `refs/tags/v1`. */
  ref: string;
  branch?: string;
  tag?: string;
  /** The commit that the ref names now; none when it was deleted. */
  sha?: string;
}

/** Where each forge puts what proves that it knows the secret. */
const PROOFS: readonly (readonly [header: string, isGood: (proof: string, secret: string, body: Buffer) => boolean])[] =
  [
    ['x-hub-signature-256', isSigned],
    ['x-gitea-signature', isSigned],
    ['x-signature-256', isSigned],
    ['x-gitlab-token', (proof, secret) => isSame(proof, secret)],
  ];

/**
 * Whether the sender knows the secret: GitHub's, Gitea's and GitLab's form, or `X-Signature-256: sha256=…` from a script
 * (the HMAC of the body). One proof that is wrong is enough to refuse. It takes the same time whatever is sent.
 */
export function isAuthentic({ headers, body }: WebhookRequest, secret: string): boolean {
  if (secret === '') return false;
  const given = PROOFS.flatMap(([name, isGood]) => {
    const proof = headers[name];
    return proof === undefined ? [] : [typeof proof === 'string' && isGood(proof, secret, body)];
  });
  return given.length > 0 && given.every(Boolean);
}

/** In hexadecimal, with `sha256=` before it or without. */
function isSigned(proof: string, secret: string, body: Buffer): boolean {
  const digest = createHmac('sha256', secret).update(body).digest('hex');
  return isSame(proof.replace(/^sha256=/, '').toLowerCase(), digest);
}

/** In constant time: digests of both have one length, and tell nothing of where they differ. */
function isSame(a: string, b: string): boolean {
  const digest = (text: string) => createHmac('sha256', 'compare').update(text).digest();
  return timingSafeEqual(digest(a), digest(b));
}

const ID = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/;
const NONE = /^0+$/;

/** What the request says was pushed; `undefined` for anything else, such as the first test of a webhook. */
export function pushOf(request: WebhookRequest): Push | undefined {
  const { ref, after, sha } = payloadOf(request);
  if (typeof ref !== 'string' || !ref.startsWith('refs/')) return undefined;
  const id = [after, sha].find((each): each is string => typeof each === 'string' && ID.test(each) && !NONE.test(each));
  return {
    ref,
    ...(ref.startsWith('refs/heads/') && { branch: ref.slice('refs/heads/'.length) }),
    ...(ref.startsWith('refs/tags/') && { tag: ref.slice('refs/tags/'.length) }),
    ...(id !== undefined && { sha: id }),
  };
}

/** JSON, or a form with JSON in its field `payload`, as GitHub sends it when it is set up so. */
function payloadOf({ headers, body }: WebhookRequest): Record<string, unknown> {
  const isForm = String(headers['content-type'] ?? '').startsWith('application/x-www-form-urlencoded');
  const text = body.toString('utf8');
  try {
    const parsed: unknown = JSON.parse(isForm ? (new URLSearchParams(text).get('payload') ?? '') : text);
    return typeof parsed === 'object' && parsed !== null ? (parsed as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
