import { open } from 'node:fs/promises';

/** Makes the names in `folder` durable: a rename or link is not, until its folder is synced. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
