import type { Policy } from '../../api/kind.ts';
import type { Resource } from '../../api/metadata.ts';

/** What is counted, as people write it: memory is a size such as 16Gi. */
export interface Amounts {
  instances?: number;
  cpus?: number;
  memory?: string;
  hostPorts?: number;
  loadBalancers?: number;
  buckets?: number;
  bucketBytes?: string;
  /** Numbers of documents by the kind's plural. */
  objects?: Readonly<Record<string, number>>;
}

interface SizeSpec {
  cpus?: number;
  memory?: string;
}

export interface NamespaceSpec {
  quota?: Amounts;
  instanceResources?: { default?: SizeSpec; max?: SizeSpec };
  policy?: Policy;
  /** Kubernetes', kept for who sends it. */
  finalizers?: readonly string[];
}

export interface NamespaceStatus {
  phase?: 'Active' | 'Terminating';
  /** Answered on read, where there is a quota. */
  quota?: { hard: Amounts; used: Amounts };
}

export type Namespace = Resource<NamespaceSpec, NamespaceStatus>;

export const isNamespace = (r: Resource): r is Namespace => r.kind === 'Namespace';
