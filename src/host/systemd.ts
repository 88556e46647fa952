import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { runOrThrow } from './command.ts';
import { systemdRuns } from './docker-daemon.ts';
import { makeFolder, writePrivate } from './private-file.ts';
import { syncFolder } from '../base/sync-folder.ts';
import { THREADS } from './threads.ts';

/** The daemon as a service. All paths are absolute. */
export interface Service {
  /** The Node.js program. */
  node: string;
  /** The daemon's entry, `dist/main.js`. */
  script: string;
  dataDir: string;
  /** Who runs it; must be root or in the group `docker`. */
  user: string;
  /** Settings such as DATABASE_URL. They may hold passwords: they are never in the unit, which everybody can read. */
  env: Readonly<Record<string, string>>;
}

const UNIT_FOLDER = '/etc/systemd/system';
const UNIT = 'miniaws.service';

/** Private settings of the service, in the data folder. */
export const environmentFile = (service: Pick<Service, 'dataDir'>): string => join(service.dataDir, 'service.env');

/**
 * The unit's text.
 *
 * KillMode=process: a stop signals the daemon alone, and the daemon stops its embedded PostgreSQL, in order. The others
 * would hurt it: `control-group` sends the server SIGTERM (which waits for clients) and, when the daemon crashed, kills
 * it before the next daemon can adopt it; `mixed` sends it SIGKILL as soon as the daemon is gone, crashed or not.
 *
 * The hardening leaves alone what the daemon needs: the Engine's socket, dropping to another user for PostgreSQL,
 * pages that are written and executed (JavaScript is compiled), /tmp and /home (people's repositories and specs).
 */
export function serviceUnit(service: Service): string {
  const command = [service.node, service.script, 'serve'].map(quoteArgument).join(' ');
  return `[Unit]
Description=Mini AWS, a small cloud on Docker
After=network-online.target docker.service postgresql.service
Wants=network-online.target docker.service
# A start that fails is tried again for as long as it takes.
StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart=${command}
User=${service.user}
${service.user === 'root' ? '' : 'SupplementaryGroups=docker\n'}Environment=${quote(`MINIAWS_DATA_DIR=${service.dataDir}`)}
Environment=UV_THREADPOOL_SIZE=${THREADS.UV_THREADPOOL_SIZE}
EnvironmentFile=-${escapePercent(environmentFile(service))}
Restart=always
RestartSec=1s
# The daemon ends its passes, then its database, which may have to write a lot.
TimeoutStopSec=120s
KillMode=process
UMask=0077
LimitNOFILE=65536
NoNewPrivileges=yes
ProtectSystem=full
ReadWritePaths=-${escapePercent(service.dataDir)}
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectKernelLogs=yes
ProtectClock=yes
LockPersonality=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK

[Install]
WantedBy=multi-user.target
`;
}

export interface InstalledService {
  unit: string;
  /** False where no systemd runs: the unit is written and will start the daemon when one does. */
  started: boolean;
}

/** Writes the unit and its private settings, and starts it, now and at every boot, where systemd runs. Needs root. */
export async function installService(service: Service, unitFolder = UNIT_FOLDER): Promise<InstalledService> {
  const unit = join(unitFolder, UNIT);
  await makeFolder(service.dataDir, 0o700);
  if (service.user !== 'root') await runOrThrow('chown', [`${service.user}:`, service.dataDir]);
  await writePrivate(environmentFile(service), environmentText(service.env));
  await writeFile(unit, serviceUnit(service));
  await chmod(unit, 0o644);
  await syncFolder(unitFolder);
  if (!systemdRuns()) return { unit, started: false };
  await runOrThrow('systemctl', ['daemon-reload']);
  await runOrThrow('systemctl', ['enable', UNIT]);
  // Not `enable --now`: a service that runs already must take up its new unit.
  await runOrThrow('systemctl', ['restart', UNIT]);
  return { unit, started: true };
}

/** One `NAME="value"` a line. In this file systemd expands nothing, but a backslash and a quote mean themselves only escaped. */
const environmentText = (env: Service['env']): string =>
  Object.entries(env)
    .map(([name, value]) => `${name}="${value.replaceAll(/["\\$`]/g, '\\$&')}"\n`)
    .join('');

/** A word of the unit: `%` stands for itself, spaces and quotes stay inside. systemd.syntax(7) */
const quote = (text: string): string => {
  const escaped = escapePercent(text).replaceAll(/["\\]/g, '\\$&');
  return /[\s"'\\]/.test(text) ? `"${escaped}"` : escaped;
};

/** A word of a command line, where `$` would be a variable. systemd.service(5) */
const quoteArgument = (text: string): string => quote(text).replaceAll('$', '$$$$');

const escapePercent = (text: string): string => text.replaceAll('%', '%%');
