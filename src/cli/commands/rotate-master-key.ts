import type { Command } from 'commander';
import type { ClientSetup, Session } from '../session.ts';
import { task } from '../session.ts';

const PATH = '/apis/miniaws.dev/v1/masterkey/rotation';

export function addRotateMasterKey(program: Command, setup: ClientSetup): void {
  program
    .command('rotate-master-key')
    .description('encrypt everything that is stored of Secrets anew, under a new master key, while all goes on')
    .action(task<[], object>(setup, rotate));
}

async function rotate(session: Session): Promise<void> {
  const { body } = await session.client.send<{ keyId: string; rows: number }>('POST', PATH, {});
  session.print(`master key ${body.keyId}: ${body.rows} rows were encrypted anew`);
  session.tell('Backups made before need the key from before: it stays in the master key file. Copy that file again.');
}
