import pg from 'pg';
import { drizzle } from 'drizzle-orm/node-postgres';
import type { NodePgDatabase } from 'drizzle-orm/node-postgres';
import { codeOf, messageOf, StatusError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { UncertainCommit } from './journal.ts';
import * as schema from './schema.ts';

export type Database = NodePgDatabase<typeof schema>;

/** One connection inside a transaction: drizzle for statements, `run` for the few that drizzle has no word for. */
export interface Tx {
  db: Database;
  run: (sql: string) => Promise<pg.QueryResult | pg.QueryResult[]>;
}

/** Bounds the holder of the revision's lock: no statement and no silence inside a transaction lasts longer (ruling 14). */
const STATEMENT_MS = 10_000;
const IDLE_IN_TRANSACTION_MS = 2_000; // as long as the lease: a leader that stands still must not hold its successor up longer

export class Pool {
  readonly pool: pg.Pool;
  readonly db: Database;
  #outage: string | undefined;
  /** drizzle reads the whole schema each time it is made: once for each connection is enough. */
  readonly #bound = new WeakMap<pg.PoolClient, Database>();
  readonly #backends = new Set<number>();

  constructor(url: string, log: Log, max = 12) {
    this.pool = new pg.Pool({
      connectionString: url,
      max,
      connectionTimeoutMillis: 5_000,
      idleTimeoutMillis: 60_000,
      allowExitOnIdle: true,
      application_name: 'miniaws',
      statement_timeout: STATEMENT_MS,
      idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS,
      keepAlive: true,
    });
    // Without these two, a backend that is killed while its connection is idle, or inside a transaction, ends the process.
    this.pool.on('error', (error) => log.warn({ err: error.message }, 'database connection lost'));
    this.pool.on('connect', (client) => {
      client.on('error', () => undefined);
      const backend = backendOf(client);
      if (backend === undefined) return;
      this.#backends.add(backend);
      client.once('end', () => this.#backends.delete(backend));
    });
    this.db = drizzle(this.pool, { schema });
  }

  /** Why the last use failed to reach the database, or `undefined`. */
  get outage(): string | undefined {
    return this.#outage;
  }

  /** Whether one of our own connections is this process of the server's. */
  isOwnBackend(processId: number): boolean {
    return this.#backends.has(processId);
  }

  /** Every use of the database goes through here, so that an outage is known and said in one way. */
  async use<T>(fn: (db: Database) => Promise<T>): Promise<T> {
    try {
      const result = await fn(this.db);
      this.#outage = undefined;
      return result;
    } catch (error) {
      throw this.#translate(error);
    }
  }

  /**
   * One transaction. `begin` runs first and may hold statements that take locks; `end` is sent with the COMMIT.
   * A connection that is lost at the COMMIT is an UncertainCommit; anything before it has changed nothing.
   */
  async transaction(
    begin: string,
    fn: (tx: Tx, began: pg.QueryResult[]) => Promise<string | undefined>,
  ): Promise<void> {
    let client: pg.PoolClient | undefined;
    let committing = false;
    try {
      client = await this.pool.connect();
      const held = client;
      const began = await held.query(`BEGIN; ${begin}`);
      const end = await fn({ db: this.#over(held), run: (sql) => held.query(sql) }, [began].flat());
      committing = end !== undefined;
      await held.query(end === undefined ? 'ROLLBACK' : `${end}; COMMIT`);
      held.release();
      this.#outage = undefined;
    } catch (error) {
      const lost = isConnectionError(error);
      if (client && !lost)
        await client.query('ROLLBACK').then(
          () => client?.release(),
          (e: Error) => client?.release(e),
        );
      else client?.release(error as Error);
      if (committing && lost) throw new UncertainCommit(messageOf(error), { cause: error });
      throw this.#translate(error);
    }
  }

  #over(client: pg.PoolClient): Database {
    const known = this.#bound.get(client);
    if (known) return known;
    const made = drizzle(client, { schema });
    this.#bound.set(client, made);
    return made;
  }

  #translate(error: unknown): unknown {
    const cause = (error as { cause?: unknown } | null)?.cause ?? error;
    if (!isConnectionError(cause)) return error;
    this.#outage = messageOf(cause);
    return new StatusError('ServiceUnavailable', `the database is away: ${messageOf(cause)}`, {
      cause,
      details: { retryAfterSeconds: 1 },
    });
  }

  async close(): Promise<void> {
    await this.pool.end();
  }
}

/** The server's process id, which the types leave out. */
const backendOf = (client: pg.PoolClient): number | undefined =>
  (client as { processID?: number | null }).processID ?? undefined;

/** SQLSTATE classes 08 (connection), 57P0x (shutdown, crash, terminated), 53 (no resources); and sockets' own errors. */
function isConnectionError(error: unknown): boolean {
  const code = codeOf(error) ?? '';
  if (/^(08|57P0|53)/.test(code) || code === '25P03') return true;
  if (/^E[A-Z]+$/.test(code)) return true;
  return /Connection terminated|timeout exceeded when trying to connect|connection is closed|not queryable/i.test(
    messageOf(error),
  );
}
