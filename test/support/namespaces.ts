import { expect } from 'vitest';
import { call } from './http.ts';
import type { Endpoint } from './http.ts';

export async function makeNamespaces(daemon: Endpoint, ...names: string[]): Promise<void> {
  for (const name of names) {
    const body = { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
    expect((await call(daemon, 'POST', '/api/v1/namespaces', { body })).status).toBe(201);
  }
}
