import type { Attributes } from './access.ts';

/** One request, for the record. */
export interface AuditEvent extends Attributes {
  /** In the order of time (RFC 9562, version 7). */
  id: string;
  /** When it came, RFC 3339. */
  at: string;
  /** The key's name; empty where none was known. */
  key: string;
  /** Whom the key stands for; empty where none was known. */
  user: string;
  /** Where the connection came from. */
  address: string;
  /** The field manager of a write; empty for others. */
  manager: string;
  dryRun: boolean;
  /** HTTP status of the answer. */
  code: number;
  /** Of a refusal, by Kubernetes' reasons; else empty. */
  reason: string;
  /** From the request's arrival to the answer's beginning; of a write, to its commit. */
  latencyMs: number;
}
