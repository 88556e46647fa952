import { API_VERSION } from '../../src/api/metadata.ts';
import type { Metadata } from '../../src/api/metadata.ts';

/** Documents as people write them: what the server fills in is left out. */
export interface Manifest {
  apiVersion: string;
  kind: string;
  metadata: Partial<Metadata> & { name: string };
  spec: Record<string, unknown>;
}

export const manifest = (kind: string, name: string, spec: object, metadata: Partial<Metadata> = {}): Manifest => ({
  apiVersion: API_VERSION,
  kind,
  metadata: { name, ...metadata },
  spec: spec as Record<string, unknown>,
});

export const vpc = (name: string, spec: object, metadata?: Partial<Metadata>): Manifest =>
  manifest('VPC', name, spec, metadata);

export const instance = (name: string, spec: object, metadata?: Partial<Metadata>): Manifest =>
  manifest('Instance', name, spec, metadata);

/** `/apis/miniaws.dev/v1/namespaces/default/instances[/web]` */
export const pathOf = (plural: string, name?: string, namespace = 'default'): string =>
  `/apis/${API_VERSION}/namespaces/${namespace}/${plural}${name === undefined ? '' : `/${name}`}`;
