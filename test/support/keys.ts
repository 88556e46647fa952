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
