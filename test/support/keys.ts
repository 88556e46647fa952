import { expect } from 'vitest';
import type { TestDaemon } from './daemon.ts';
import { call } from './http.ts';
import type { Endpoint } from './http.ts';

const KEYS = '/apis/miniaws.dev/v1/apikeys';

export const keyPath = (name: string): string => `${KEYS}/${name}`;

/** A key, and the daemon as who has it. */
export async function asKey(daemon: TestDaemon, name: string, spec: object): Promise<Endpoint> {
  const answer = await call(daemon, 'POST', KEYS, {
    body: { apiVersion: 'miniaws.dev/v1', kind: 'ApiKey', metadata: { name }, spec },
  });
  expect(answer.status, answer.text).toBe(201);
  const { token } = answer.json<{ status: { token: string } }>().status;
  return { url: daemon.url, ca: daemon.ca, token };
}

/** Of one request; a patch is a merge patch. */
export async function statusOf(who: Endpoint, method: string, path: string, body?: unknown): Promise<number> {
  const headers: Record<string, string> = method === 'PATCH' ? { 'content-type': 'application/merge-patch+json' } : {};
  return (await call(who, method, path, { headers, ...(body === undefined ? {} : { body }) })).status;
}
