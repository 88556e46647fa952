import { and, asc, gt, inArray } from 'drizzle-orm';
import type { Encryption } from './encryption.ts';
import type { Database, Pool, Statement } from './pool.ts';
import { LOCK } from './lock.ts';
import { fromChangeRow, fromResourceRow } from './rows.ts';
import { changes, resources } from './schema.ts';
import { keyIdOf } from '../base/keyring.ts';
import type { KindRegistry } from '../api/registry.ts';

/** Rows of one transaction: the revision's lock, which it holds, is not held for long. */
const ROWS = 200;

/** As a document's columns are made in `append.ts`. */
const PUT_RESOURCE = {
  name: 'put resource',
  text: `UPDATE resources SET
  spec = coalesce($2::jsonb->'spec', $2::jsonb - '{apiVersion,kind,metadata,status}'::text[]),
  annotations = $2::jsonb->'metadata'->'annotations' WHERE uid = $1::uuid`,
};
const PUT_CHANGE = { name: 'put change', text: 'UPDATE changes SET object = $2::jsonb WHERE revision = $1::bigint' };

/**
 * Encrypts anew under the present master key whatever rests under another one, while everything goes on: what it reads
 * is what it writes, so that no watch and no revision hears of it. May be broken off and begun again.
 * @returns how many rows were written.
 */
export async function reencrypt(pool: Pool, kinds: KindRegistry, encryption: Encryption): Promise<number> {
  const isOld = (row: object) => keyIdsIn(row).some((id) => id !== encryption.keyring.currentId);
  const textOf = encryption.textOf.bind(encryption);
  const ofResources = await byPages(pool, '00000000-0000-0000-0000-000000000000', async (db, after) => {
    const rows = await db
      .select()
      .from(resources)
      .where(and(inArray(resources.kind, encryption.kinds), gt(resources.uid, after)))
      .orderBy(asc(resources.uid))
      .limit(ROWS);
    const old = rows.filter(isOld).map((row) => [row.uid, textOf(fromResourceRow(row, kinds, encryption))] as const);
    return { last: rows.at(-1)?.uid, puts: old.map((values) => ({ ...PUT_RESOURCE, values: [...values] })) };
  });
  const ofChanges = await byPages(pool, 0, async (db, after) => {
    const rows = await db
      .select()
      .from(changes)
      .where(and(inArray(changes.kind, encryption.kinds), gt(changes.revision, after)))
      .orderBy(asc(changes.revision))
      .limit(ROWS);
    const old = rows.filter(isOld).map((row) => [row.revision, textOf(fromChangeRow(encryption)(row).object)] as const);
    return { last: rows.at(-1)?.revision, puts: old.map((values) => ({ ...PUT_CHANGE, values: [...values] })) };
  });
  return ofResources + ofChanges;
}

interface PageOfRows<K> {
  /** Of the last row that was looked at; `undefined`: there was none. */
  last: K | undefined;
  puts: readonly Statement[];
}

async function byPages<K>(
  pool: Pool,
  first: K,
  page: (db: Database, after: K) => Promise<PageOfRows<K>>,
): Promise<number> {
  let written = 0;
  for (let after: K | undefined = first; after !== undefined;) {
    const from: K = after;
    await pool.transaction([LOCK], async (db) => {
      const { last, puts } = await page(db, from);
      after = last;
      written += puts.length;
      return puts.length === 0 ? undefined : { statements: puts, end: 'SELECT 1' };
    });
  }
  return written;
}

/** Under which keys a row's values were made, however deep they are. */
function keyIdsIn(value: unknown): string[] {
  if (typeof value === 'object' && value !== null) return Object.values(value).flatMap(keyIdsIn);
  const id = keyIdOf(value);
  return id === undefined ? [] : [id];
}
