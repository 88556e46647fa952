import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { Client } from 'pg';
import { codeOf, messageOf } from '../base/errors.ts';
import { sha256 } from '../base/hash.ts';
import type { DataFolder } from './data-folder.ts';
import { tokenIn } from './kubeconfig.ts';
import { CLUSTER_NAME } from './postgres-server.ts';

/** How long the server at the default may take to answer, in milliseconds. It is on this machine. */
const TIMEOUT_MS = 2_000;

const ABOUT = `SELECT current_setting('cluster_name') AS cluster, to_regclass('settings') IS NOT NULL AS "isUsed",
  (SELECT setting FROM pg_settings WHERE name = 'data_directory') AS data`;

/** Whose the installation is that a database at the default holds. */
export interface Claim {
  dataFolder: DataFolder;
  /** The installations that this daemon may work on: the recorded and the configured one. */
  installations: readonly string[];
}

/**
 * Why the server at `url` is not to be used by this data folder; undefined when it is. It must let us in, be no other
 * data folder's embedded server, and hold no other installation. Never throws.
 */
export async function refusalOfDefault(url: string, claim: Claim): Promise<string | undefined> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: TIMEOUT_MS, query_timeout: TIMEOUT_MS });
  client.on('error', () => undefined);
  try {
    await client.connect();
    const { rows } = await client.query<{ cluster: string; isUsed: boolean; data: string | null }>(ABOUT);
    const { cluster, isUsed, data } = rows[0] ?? { cluster: '', isUsed: false, data: null };
    // Earlier releases gave their servers no name; their credentials lie beside the data.
    if (cluster === CLUSTER_NAME || (data !== null && existsSync(join(dirname(data), 'server.json'))))
      return 'it is the embedded server of another data folder';
    return isUsed ? await refusalOfContents(client, claim) : undefined;
  } catch (error) {
    return codeOf(error) ?? messageOf(error);
  } finally {
    // Not waited for: something that only looks like PostgreSQL may never say goodbye.
    void client.end().catch(() => undefined);
  }
}

async function refusalOfContents(client: Client, claim: Claim): Promise<string | undefined> {
  const { rows } = await client.query<{ value: string }>("SELECT value FROM settings WHERE name = 'installation'");
  const found = rows[0]?.value;
  if (found === undefined || claim.installations.includes(found)) return undefined;
  // A folder of an earlier release has no record, and the administrator's key that its daemon made in this database.
  const token = await tokenIn(claim.dataFolder.adminKubeconfig);
  if (token !== undefined) {
    const keys = await client.query('SELECT 1 FROM api_keys WHERE key = $1', [sha256(token)]);
    if (keys.rows.length > 0) return undefined;
  }
  return `it holds another installation, "${found}"`;
}
