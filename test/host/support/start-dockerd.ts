/**
 * Starts a dockerd with all that it has in one folder. Only ever run in a network namespace of its own: a second dockerd
 * works on the machine's interfaces and firewall (with `--bridge=none` it deletes docker0, whosever that is).
 */
import { join } from 'node:path';
import { readlinkSync } from 'node:fs';
import { startDockerDaemon } from '../../../src/host/docker-daemon.ts';
import { rootAccess } from '../../../src/host/packages.ts';

const [folder = '', hostNamespace] = process.argv.slice(2);
if (!hostNamespace || readlinkSync('/proc/self/ns/net') === hostNamespace)
  throw new Error('not in a network namespace of its own');

const host = `unix://${folder}/e.sock`;
const own = ['--data-root', join(folder, 'data'), '--exec-root', join(folder, 'exec'), '-H', host];
await startDockerDaemon((await rootAccess())!, {
  host,
  pidFile: join(folder, 'pid'),
  log: join(folder, 'log'),
  args: [...own, '--bridge=none', '--iptables=false', '--ip-forward=false', '--ip-masq=false'],
});
