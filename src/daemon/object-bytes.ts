import type { Config } from '../base/config.ts';
import type { Log } from '../base/log.ts';
import type { ObjectBytes } from '../drivers/objects/bytes.ts';
import { bytesElsewhere } from '../drivers/objects/elsewhere.ts';
import { BytesFolder } from '../drivers/objects/folder.ts';
import type { DataFolder } from '../host/data-folder.ts';
import type { SettingStore } from '../store/settings.ts';

const SETTING = 'object-folder';

/**
 * The folder that has the bytes of this database's objects. The first daemon says which; one that has another would find every object
 * damaged, and so it leaves them alone and says why.
 */
export async function openObjectBytes(
  config: Config,
  folder: DataFolder,
  { installation, settings, log }: { installation: string; settings: SettingStore; log: Log },
): Promise<ObjectBytes> {
  const path = config.objectDir || folder.objects;
  const bytes = await BytesFolder.open(path, installation);
  if (config.adoptObjectDir === 'yes') await settings.set(SETTING, bytes.id);
  const recorded = await settings.setOnce(SETTING, bytes.id);
  if (recorded === bytes.id) return bytes;
  const why = `the objects of this database are in another folder than ${path}: give every daemon the same one (--object-dir), or bring that folder back; where it is gone for good, --adopt-object-dir yes puts this one in its place`;
  log.warn({ path }, why);
  return bytesElsewhere(why);
}
