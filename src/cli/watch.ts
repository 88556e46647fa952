import type { Resource } from '../api/metadata.ts';
import { TABLE } from './client.ts';
import type { Query } from './client.ts';
import { follow } from './follow.ts';
import type { ObjectList } from './objects.ts';
import type { Session } from './session.ts';
import type { Table, TablePrinter } from './table.ts';

/** What has been printed: after a gap everything is listed again, and only what is new is printed. */
class Seen {
  readonly #versions = new Map<string, string>();

  isNew(metadata: { uid?: string; name?: string; resourceVersion?: string } | undefined): boolean {
    const [key, version] = [metadata?.uid ?? metadata?.name ?? '', metadata?.resourceVersion ?? ''];
    if (this.#versions.get(key) === version) return false;
    this.#versions.set(key, version);
    return true;
  }
}

/** Prints the table and then a row for every change, until `signal` aborts. */
export async function watchTables(session: Session, path: string, query: Query, printer: TablePrinter): Promise<void> {
  const { client, signal, lost } = session;
  const seen = new Seen();
  for await (const change of follow<Table, Table>(client, path, { query, accept: TABLE, signal, onLost: lost })) {
    const table = change.type === 'LIST' ? change.list : change.object;
    const rows = (table.rows ?? []).filter((row) => seen.isNew(row.object?.metadata));
    const lines = printer.lines({ ...table, rows });
    if (rows.length > 0) session.print(lines.slice(-rows.length - (change.type === 'LIST' ? 1 : 0)).join('\n'));
  }
}

/** Prints each object as it is now and after every change. */
export async function watchObjects(
  session: Session,
  path: string,
  query: Query,
  render: (object: Resource) => string,
): Promise<void> {
  const { client, signal, lost } = session;
  const seen = new Seen();
  for await (const change of follow<ObjectList, Resource>(client, path, { query, signal, onLost: lost })) {
    const objects = change.type === 'LIST' ? change.list.items : [change.object];
    for (const object of objects) if (seen.isNew(object.metadata)) session.print(render(object));
  }
}
