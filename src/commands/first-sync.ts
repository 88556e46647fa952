import { collectionPath } from '../cli/objects.ts';
import type { ApiClient } from '../cli/client.ts';
import type { DataFolder } from '../host/data-folder.ts';
import { say } from './machine.ts';

/** What `up --git` is told of. */
export interface Repository {
  url: string;
  path: string | undefined;
  branch: string | undefined;
}

/** The sync that `up --git` makes. */
const NAME = 'main';

/** Has a repository synced where nothing is synced yet: what is there already is its owner's. */
export async function syncRepository(
  { url, path, branch }: Repository,
  folder: DataFolder,
  client: ApiClient,
  runClient: (args: readonly string[]) => Promise<number>,
): Promise<void> {
  const kubeconfig = ['--kubeconfig', folder.adminKubeconfig];
  const { items } = await client.get<{ items: object[] }>(collectionPath(client.kinds.must('GitSync')), {
    query: { limit: 1 },
  });
  if (items.length > 0) {
    say('  a repository is synced already: --git makes no other; that is done by miniaws sync create');
    await runClient([...kubeconfig, 'sync', 'list', '--all-namespaces']);
    return;
  }
  const given = [
    ...(path === undefined ? [] : ['--path', path]),
    ...(branch === undefined ? [] : ['--branch', branch]),
  ];
  const code = await runClient([
    ...kubeconfig,
    '--namespace',
    'default',
    'sync',
    'create',
    NAME,
    '--url',
    url,
    ...given,
  ]);
  if (code !== 0) throw new Error(`the repository is not synced: miniaws why gitsync/${NAME} tells why`);
  say('');
  await runClient([...kubeconfig, 'get', 'all']);
  say(`\n✓ ${url} is synced: what is pushed to it is applied. Where it stands: miniaws sync get ${NAME}`);
}
