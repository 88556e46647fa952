import type { Log } from '../base/log.ts';
import type { DataFolder } from './data-folder.ts';
import { refusalOfDefault } from './default-database.ts';
import { findEmbeddedPostgres, startEmbeddedPostgres, type EmbeddedPostgres } from './embedded-postgres.ts';
import { readInstallation } from './installation-record.ts';
import { SEED } from './postgres-credentials.ts';

/** The seed's connection string: what a PostgreSQL of the user's own is looked for at. */
const DEFAULT_DATABASE_URL = `postgres://${SEED.user}:${SEED.password}@localhost:${SEED.port}/${SEED.database}`;

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
  /** The configured installation; empty is unset. */
  installation?: string;
  /** Of the embedded server, as `StartOptions` has it. */
  password?: string | undefined;
  /** Where to look for the user's own server; a test has another one. */
  defaultUrl?: string;
}

/** Which database: the configured one, this folder's own, or the user's own at the seed's URL; an embedded one is made where there is none. */
export async function locateDatabase(options: LocateOptions): Promise<Database> {
  return (await findDatabase(options)) ?? startOwn(options);
}

/**
 * The configured database (not probed: that it is away is not a reason to take another); this data folder's own
 * embedded server; one that answers at the default with the seed's credentials and is nobody else's. Undefined when
 * there is none of these. A data folder that has a database once never moves to another by itself.
 */
export async function findDatabase(options: LocateOptions): Promise<Database | undefined> {
  const { url, dataFolder, log, installation, defaultUrl = DEFAULT_DATABASE_URL } = options;
  if (url) return { url: checkedUrl(url), source: 'configured' };
  if ((await findEmbeddedPostgres(dataFolder)) !== undefined) return startOwn(options);
  const record = await readInstallation(dataFolder);
  const installations = [record?.installation, installation].filter((id) => id !== undefined);
  const refusal = await refusalOfDefault(defaultUrl, { dataFolder, installations });
  if (refusal === undefined) return { url: defaultUrl, source: 'default' };
  if (record?.database === 'default')
    throw new Error(
      `the database of ${dataFolder.path} is the one at ${redactUrl(defaultUrl)}, and that cannot be used now: ${refusal}`,
    );
  log.debug({ url: redactUrl(defaultUrl), refusal }, 'no PostgreSQL of ours at the default');
  return undefined;
}

async function startOwn({ dataFolder, log, password, defaultUrl }: LocateOptions): Promise<Database> {
  const seedPort = Number(new URL(defaultUrl ?? DEFAULT_DATABASE_URL).port);
  const embedded = await startEmbeddedPostgres({ dataFolder, log, seedPort, password });
  return { url: embedded.url, source: 'embedded', embedded };
}

/** Names a database without its password: `embedded`, `default` (found at the seed's URL), or the URL that was given. */
export const placeOf = ({ source, url }: Pick<Database, 'source' | 'url'>): string =>
  source === 'configured' ? redactUrl(url) : source;

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
