import type { Socket } from 'node:net';
import pg from 'pg';
import { drizzle } from 'drizzle-orm/node-postgres';
import type { NodePgDatabase } from 'drizzle-orm/node-postgres';
import { codeOf, messageOf, StatusError } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import { UncertainCommit } from './uncertain-commit.ts';
import * as schema from './schema.ts';

export type Database = NodePgDatabase<typeof schema>;

/** SQL with a name: the server parses and plans it once for each connection. One name, one text. */
export interface Statement {
  name: string;
  text: string;
  values?: unknown[];
}

/** What is sent with the COMMIT, in one write: `end` is SQL of at least one statement. */
export interface Last {
  statements?: readonly Statement[];
  end: string;
}

/** Bounds the holder of the revision's lock: no statement and no silence inside a transaction lasts longer. */
const STATEMENT_MS = 10_000;
const IDLE_IN_TRANSACTION_MS = 2_000; // as long as the lease: a leader that stands still must not hold its successor up longer

/** What a daemon's sessions call themselves. */
export const DAEMON = 'miniaws';

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
      application_name: DAEMON,
      statement_timeout: STATEMENT_MS,
      idle_in_transaction_session_timeout: IDLE_IN_TRANSACTION_MS,
      keepAlive: true,
      pipeline: true,
    } as pg.PoolConfig);
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

  /** For what a quiet daemon asks again and again: neither side builds, parses or plans it anew. */
  run(statement: Statement): Promise<pg.QueryResult> {
    return this.use(() => this.pool.query(statement));
  }

  /**
   * One transaction. `begin` runs first and may hold statements that take locks; what `fn` answers is sent with the
   * COMMIT; nothing is committed without an answer.
   * A connection that is lost after that is an UncertainCommit; one that is lost before it has changed nothing.
   */
  async transaction(
    begin: readonly (string | Statement)[],
    fn: (db: Database, began: readonly pg.QueryResult[]) => Promise<Last | undefined>,
  ): Promise<void> {
    let client: pg.PoolClient | undefined;
    let committing = false;
    try {
      client = await this.pool.connect();
      const held = client;
      const began = await allOf(together(held, ['BEGIN', ...begin]));
      const last = await fn(this.#over(held), began);
      committing = last !== undefined;
      // After a failure of the server's before it, the statement ahead of the COMMIT fails too, and the COMMIT is not reached.
      await allOf(together(held, last ? [...(last.statements ?? []), `${last.end}; COMMIT`] : ['ROLLBACK']));
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
    const isAway = isConnectionError(cause);
    if (!isAway && !isPassing(cause)) return error;
    if (isAway) this.#outage = messageOf(cause);
    const what = isAway ? 'the database is away' : 'the database could not do it now';
    return new StatusError('ServiceUnavailable', `${what}: ${messageOf(cause)}`, {
      cause,
      details: { retryAfterSeconds: 1 },
    });
  }

  async close(): Promise<void> {
    await this.pool.end();
  }
}

/** Sends all in one write without waiting in between. Whoever calls looks at every answer, sooner or later. */
function together(client: pg.PoolClient, queries: readonly (string | Statement)[]): Promise<pg.QueryResult>[] {
  const { stream } = (client as unknown as { connection: { stream: Socket } }).connection;
  stream.cork();
  const sent = queries.map((query) => (typeof query === 'string' ? client.query(query) : client.query(query)));
  stream.uncork();
  for (const answer of sent) answer.catch(() => undefined);
  return sent;
}

/** Waits for all, so that none is still under way. Throws what the first that failed says. */
async function allOf(answers: readonly Promise<pg.QueryResult>[]): Promise<pg.QueryResult[]> {
  await Promise.allSettled(answers);
  return Promise.all(answers);
}

/** The server's process id, which the types leave out. */
const backendOf = (client: pg.PoolClient): number | undefined =>
  (client as { processID?: number | null }).processID ?? undefined;

/**
 * SQLSTATEs of a server that is there and not able to: classes 25 (read-only), 40 (rolled back), 55 (locked), 57
 * (cancelled), 58 and XX (its own faults). Others are mistakes of the statement, and so ours.
 */
const isPassing = (error: unknown): boolean => /^(25|40|55|57|58|XX)...$/.test(codeOf(error) ?? '');

/** SQLSTATE classes 08 (connection), 57P0x (shutdown, crash, terminated), 53 (no resources); and sockets' own errors. */
function isConnectionError(error: unknown): boolean {
  const code = codeOf(error) ?? '';
  if (/^(08|57P0|53)/.test(code) || code === '25P03') return true;
  if (/^E[A-Z]+$/.test(code)) return true;
  return /Connection terminated|timeout exceeded when trying to connect|connection is closed|not queryable/i.test(
    messageOf(error),
  );
}
