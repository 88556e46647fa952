/** A process that starts (or adopts) or stops the embedded server of a folder, says so, and ends. */
import { silentLog } from '../../../src/base/log.ts';
import { openDataFolder } from '../../../src/host/data-folder.ts';
import { startEmbeddedPostgres, stopEmbeddedPostgres } from '../../../src/host/embedded-postgres.ts';

const [action, dir, port] = process.argv.slice(2);
const dataFolder = await openDataFolder(dir);
if (action === 'stop') {
  await stopEmbeddedPostgres(dataFolder);
  console.log('{}');
} else {
  const server = await startEmbeddedPostgres({ dataFolder, log: silentLog, seedPort: Number(port) });
  server.detach();
  console.log(JSON.stringify({ pid: server.pid, url: server.url }));
}
