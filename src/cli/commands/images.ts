import type { Command } from 'commander';
import { shortImageId } from '../../base/image-reference.ts';
import { formatBytes } from '../../base/quantity.ts';
import { printable } from '../io.ts';
import { imagesPath } from '../objects.ts';
import { addOutput, lastUsed, printed } from '../output.ts';
import type { OutputOptions } from '../output.ts';
import type { ClientSetup, Session } from '../session.ts';
import { task } from '../session.ts';
import { Columns } from '../table.ts';

/** An image of the Engine. */
interface Image {
  id: string;
  references: string[];
  sizeBytes: number;
  origin: 'pulled' | 'built' | 'others';
  usedBy: string[];
  unusedSince?: string;
}

const WHOSE = { pulled: 'ours (pulled)', built: 'ours (built)', others: "others'" };
/** So many users are printed; -o json has all. */
const USERS = 2;

export function addImages(program: Command, setup: ClientSetup): void {
  addOutput(
    program
      .command('images')
      .description("list the Engine's images: whose they are, what uses them, and since when nothing does"),
  ).action(task<[], OutputOptions>(setup, (session, _, options) => images(session, options)));
}

async function images(session: Session, options: OutputOptions): Promise<void> {
  const list = await session.client.get<{ items: Image[] }>(imagesPath);
  session.print(printed(list, options) ?? rows(list.items, new Date()).join('\n'));
}

const rows = (items: readonly Image[], now: Date): string[] =>
  new Columns().lines([
    ['REFERENCE', 'ID', 'SIZE', 'WHOSE', 'USED BY', 'LAST USED'],
    ...items.map((image) =>
      [
        image.references.join(',') || '<none>',
        shortImageId(image.id),
        formatBytes(image.sizeBytes),
        WHOSE[image.origin],
        usersOf(image),
        lastUsed(image, now),
      ].map(printable),
    ),
  ]);

function usersOf({ usedBy }: Image): string {
  const more = usedBy.length - USERS;
  return [...usedBy.slice(0, USERS), ...(more > 0 ? [`${more} more`] : [])].join(', ') || '<none>';
}
