import type { Resource } from '../../src/api/metadata.ts';

/** A VPC as admission leaves it, for what is stored without one. */
export const storedVpc = (name: string): Resource => ({
  apiVersion: 'miniaws.dev/v1',
  kind: 'VPC',
  metadata: {
    name,
    namespace: 'default',
    uid: crypto.randomUUID(),
    resourceVersion: '0',
    generation: 1,
    creationTimestamp: '2026-01-01T00:00:00Z',
  },
  spec: { cidrBlock: '10.0.0.0/24', gateway: '10.0.0.1', internetGateway: true },
});
