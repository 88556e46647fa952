import { Client } from 'pg';
import { codeOf, messageOf } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { DataFolder } from './data-folder.ts';
import { findEmbeddedPostgres, startEmbeddedPostgres, type EmbeddedPostgres } from './embedded-postgres.ts';
import { SEED } from './postgres-credentials.ts';

/** The seed's connection string: what a PostgreSQL of the user's own is looked for at. */
export const DEFAULT_DATABASE_URL = `postgres://${SEED.user}:${SEED.password}@localhost:${SEED.port}/${SEED.database}`;

/** How long the server at the default may take to answer, in milliseconds. It is on this machine. */
const PROBE_TIMEOUT_MS = 2_000;

export interface Database {
  url: string;
  /** `configured`: by DATABASE_URL. `embedded`: this data folder's own. `default`: the user's own, at the seed's URL. */
  source: 'configured' | 'embedded' | 'default';
  /** The server that is ours to stop; only with `embedded`. */
  embedded?: EmbeddedPostgres;
}

export interface LocateOptions {
  /** DATABASE_URL, or the flag; empty is unset. */
  url?: string | undefined;
  dataFolder: DataFolder;
  log: Log;
  /** Where to look for the user's own server; a test has another one. */
  defaultUrl?: string;
}

/**
 * Which database, by ruling 2: the configured one (not probed: that it is away is not a reason to take another);
 * this data folder's own embedded server; one that answers at the default with the seed's credentials; a new
 * embedded one. So a data folder that has a server once never moves to another by itself.
 */
export async function locateDatabase(options: LocateOptions): Promise<Database> {
  const { url, dataFolder, log, defaultUrl = DEFAULT_DATABASE_URL } = options;
  if (url) return { url: checkedUrl(url), source: 'configured' };
  if ((await findEmbeddedPostgres(dataFolder)) === undefined) {
    const refusal = await probe(defaultUrl);
    if (refusal === undefined) return { url: defaultUrl, source: 'default' };
    log.debug({ url: redactUrl(defaultUrl), refusal }, 'no PostgreSQL of ours at the default');
  }
  const embedded = await startEmbeddedPostgres({ dataFolder, log, seedPort: Number(new URL(defaultUrl).port) });
  return { url: embedded.url, source: 'embedded', embedded };
}

/** Undefined when the server at `url` lets us in; else why not. Never throws. */
export async function probe(url: string, timeoutMs = PROBE_TIMEOUT_MS): Promise<string | undefined> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: timeoutMs, query_timeout: timeoutMs });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query('SELECT 1');
    return undefined;
  } catch (error) {
    return codeOf(error) ?? messageOf(error);
  } finally {
    // Not waited for: something that only looks like PostgreSQL may never say goodbye.
    void client.end().catch(() => undefined);
  }
}

/** The URL without its password, wherever that stands in it: for logs and people (I10). */
export function redactUrl(url: string): string {
  try {
    const parsed = new URL(url);
    if (parsed.password !== '') parsed.password = '***';
    for (const name of parsed.searchParams.keys()) {
      if (/pass|secret|key$/i.test(name)) parsed.searchParams.set(name, '***');
    }
    return parsed.href;
  } catch {
    return '[not a URL]';
  }
}

function checkedUrl(url: string): string {
  const protocol = URL.canParse(url) ? new URL(url).protocol : '';
  if (protocol === 'postgres:' || protocol === 'postgresql:') return url;
  throw new Error('DATABASE_URL is not of the form postgres://user:password@host:port/database');
}
