import type { Command } from 'commander';
import { printable } from '../io.ts';
import { volumesPath } from '../objects.ts';
import { addOutput, lastUsed, printed } from '../output.ts';
import type { OutputOptions } from '../output.ts';
import type { ClientSetup, Session } from '../session.ts';
import { task } from '../session.ts';
import { Columns } from '../table.ts';

/** A named volume of this installation. */
interface Volume {
  name: string;
  namespace: string;
  volume: string;
  usedBy: string[];
  lastUsedBy: string[];
  unusedSince?: string;
}

export function addVolumes(program: Command, setup: ClientSetup): void {
  addOutput(
    program
      .command('volumes')
      .description('list the named volumes: who mounts them or did last, and since when nobody does'),
  ).action(task<[], OutputOptions>(setup, (session, _, options) => volumes(session, options)));
}

async function volumes(session: Session, options: OutputOptions): Promise<void> {
  const list = await session.client.get<{ items: Volume[] }>(volumesPath);
  if (options.output === undefined && list.items.length === 0) return session.tell('No volumes found');
  session.print(printed(list, options) ?? rows(list.items, new Date()).join('\n'));
}

const rows = (items: readonly Volume[], now: Date): string[] =>
  new Columns().lines([
    ['NAMESPACE', 'VOLUME', 'ON THE ENGINE', 'LAST USED BY', 'LAST USED'],
    ...items.map((item) =>
      [item.namespace, item.volume, item.name, item.lastUsedBy.join(', '), lastUsed(item, now)].map(printable),
    ),
  ]);
