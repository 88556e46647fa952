import { parseDuration } from './quantity.ts';
import { parseCidr } from './cidr.ts';

/** One setting of `serve`: a flag, an environment variable, and a default. The table of the daemon's page is made of them. */
export interface Setting {
  flag: string;
  /** What the flag takes, for `--help`. */
  value: string;
  env: string;
  fallback: string;
  description: string;
}

const setting = (flag: string, value: string, env: string, fallback: string, description: string): Setting => ({
  flag,
  value,
  env,
  fallback,
  description,
});

export const SETTINGS = {
  dataDir: setting(
    'data-dir',
    'DIR',
    'MINIAWS_DATA_DIR',
    '',
    'Data folder. Default: /var/lib/miniaws for root, ~/.local/share/miniaws for others',
  ),
  installation: setting(
    'installation',
    'ID',
    'MINIAWS_INSTALLATION',
    '',
    "This installation's id, on every Engine object of ours. Default: made once and kept in the database",
  ),
  listen: setting(
    'listen',
    'HOST:PORT',
    'MINIAWS_LISTEN',
    '',
    'Where the API is served, by https. Default: 127.0.0.1:7443, or a free port where another program has that one',
  ),
  databaseUrl: setting(
    'database-url',
    'URL',
    'DATABASE_URL',
    '',
    "PostgreSQL. Default: this data folder's own, else one at postgres://cloud:cloud@localhost:5433/miniaws, else a new embedded one",
  ),
  databasePassword: setting(
    'database-password',
    'PASSWORD',
    'MINIAWS_DATABASE_PASSWORD',
    '',
    'Lets you into the embedded PostgreSQL, on 127.0.0.1 port 5433 if that is free. Default: a random one, and no port. A flag shows in the process list',
  ),
  engine: setting(
    'engine',
    'docker|simulated',
    'MINIAWS_ENGINE',
    'docker',
    'What runs the containers; simulated keeps them in memory',
  ),
  dockerHost: setting('docker-host', 'URL', 'DOCKER_HOST', 'unix:///var/run/docker.sock', 'The Docker Engine'),
  vpcPool: setting(
    'vpc-pool',
    'CIDR',
    'MINIAWS_VPC_POOL',
    '10.64.0.0/12',
    'Where VPCs without a cidrBlock, such as default, and ingress networks take their ranges from',
  ),
  vpcPrefix: setting(
    'vpc-prefix',
    'BITS',
    'MINIAWS_VPC_PREFIX',
    '20',
    'Prefix length of a range taken from the pool, 16 to 28',
  ),
  allowHostPath: setting(
    'allow-host-path',
    'DIR,…',
    'MINIAWS_ALLOW_HOST_PATH',
    '',
    'Host folders that instances may mount. Default: none',
  ),
  allowDevice: setting(
    'allow-device',
    'PATH,…',
    'MINIAWS_ALLOW_DEVICE',
    '',
    'Devices of the host, or folders of them, that instances may use. Default: none',
  ),
  allowGpus: setting('allow-gpus', 'yes|no', 'MINIAWS_ALLOW_GPUS', 'no', "Whether instances may use the host's GPUs"),
  allowMetadata: setting(
    'allow-metadata',
    'yes|no',
    'MINIAWS_ALLOW_METADATA',
    'no',
    "Whether instances may reach the metadata service of the cloud that the Engine's host is in (169.254.169.254)",
  ),
  s3Listen: setting(
    's3-listen',
    'HOST:PORT',
    'MINIAWS_S3_LISTEN',
    '',
    "Where S3's API is served. Default: 127.0.0.1:9000, or a free port where another program has that",
  ),
  s3Tls: setting('s3-tls', 'yes|no', 'MINIAWS_S3_TLS', 'no', "Whether S3's API is https, by the daemon's certificate"),
  s3AccessLog: setting(
    's3-access-log',
    'yes|no',
    'MINIAWS_S3_ACCESS_LOG',
    'no',
    "Whether the log has a line for each request of S3's API: who, what, from where, how long",
  ),
  s3Domain: setting(
    's3-domain',
    'NAME',
    'MINIAWS_S3_DOMAIN',
    'localhost',
    'Buckets are also served as BUCKET.NAME (virtual-host style), where that name leads to the daemon',
  ),
  objectDir: setting(
    'object-dir',
    'DIR',
    'MINIAWS_OBJECT_DIR',
    '',
    'The folder that has the bytes of objects. Default: objects in the data folder',
  ),
  adoptObjectDir: setting(
    'adopt-object-dir',
    'yes|no',
    'MINIAWS_ADOPT_OBJECT_DIR',
    'no',
    'Whether the folder takes the place of the one that had the objects until now, and is gone',
  ),
  allowNfsServer: setting(
    'allow-nfs-server',
    'ADDRESS,…',
    'MINIAWS_ALLOW_NFS_SERVER',
    '',
    'NFS servers that the host mounts volumes of instances from. Default: none',
  ),
  tlsName: setting(
    'tls-name',
    'NAME,…',
    'MINIAWS_TLS_NAME',
    '',
    'More names and addresses that the certificate carries',
  ),
  caCert: setting(
    'ca-cert',
    'FILE',
    'MINIAWS_CA_CERT',
    '',
    "Certificate authority (PEM) that several daemons share. Default: one of the data folder's own",
  ),
  caKey: setting('ca-key', 'FILE', 'MINIAWS_CA_KEY', '', 'Its key (PEM)'),
  masterKeyFile: setting(
    'master-key-file',
    'FILE',
    'MINIAWS_MASTER_KEY_FILE',
    '',
    'The master key that Secrets are encrypted under, which several daemons share. Default: master.key in the data folder, made at the first start',
  ),
  workers: setting('workers', 'N', 'MINIAWS_WORKERS', '16', 'Passes under way at once'),
  resync: setting('resync', 'SECONDS', 'MINIAWS_RESYNC', '300', 'Every document is looked at again this often'),
  metricsInterval: setting(
    'metrics-interval',
    'SECONDS',
    'MINIAWS_METRICS_INTERVAL',
    '10',
    'What instances use is sampled this often; 0: not at all',
  ),
  keepHistory: setting(
    'keep-history',
    'HOURS',
    'MINIAWS_KEEP_HISTORY',
    '24',
    'How long changes of documents are kept for watch and history',
  ),
  keepEvents: setting('keep-events', 'HOURS', 'MINIAWS_KEEP_EVENTS', '24', 'How long events are kept'),
  oidcIssuer: setting(
    'oidc-issuer',
    'URL',
    'MINIAWS_OIDC_ISSUER',
    '',
    "Lets in who has signed in there: the issuer of OpenID Connect, by https. NODE_EXTRA_CA_CERTS names a company's own authority",
  ),
  oidcClientId: setting('oidc-client-id', 'ID', 'MINIAWS_OIDC_CLIENT_ID', '', 'For whom its tokens must be'),
  oidcUsernameClaim: setting(
    'oidc-username-claim',
    'CLAIM',
    'MINIAWS_OIDC_USERNAME_CLAIM',
    'sub',
    'Names the user, such as email',
  ),
  oidcGroupsClaim: setting(
    'oidc-groups-claim',
    'CLAIM',
    'MINIAWS_OIDC_GROUPS_CLAIM',
    'groups',
    "Names the user's groups",
  ),
  oidcRoles: setting(
    'oidc-roles',
    'GROUP=ROLE,...',
    'MINIAWS_OIDC_ROLES',
    '',
    'What members of groups may do, such as ops=admin,dev=edit@shop+stage; * is everybody who has signed in',
  ),
  keepAudit: setting(
    'keep-audit',
    'HOURS',
    'MINIAWS_KEEP_AUDIT',
    '2160',
    'How long it is kept who did what; a day at least',
  ),
  auditFile: setting(
    'audit-file',
    'FILE',
    'MINIAWS_AUDIT_FILE',
    '',
    'Where else it is written who did what, as JSON lines',
  ),
  keepLog: setting('keep-log', 'HOURS', 'MINIAWS_KEEP_LOG', '168', 'How long the reconcile log is kept'),
  imageRetention: setting(
    'image-retention',
    'TIME',
    'MINIAWS_IMAGE_RETENTION',
    '24h',
    'Images that the daemon has pulled are removed when nothing has used them for so long; 0: never',
  ),
  idleTimeout: setting(
    'idle-timeout',
    'SECONDS',
    'MINIAWS_IDLE_TIMEOUT',
    '14400',
    'A session of exec in which nothing moves ends after this long, and a log whose reader takes nothing',
  ),
  logLevel: setting('log-level', 'LEVEL', 'MINIAWS_LOG_LEVEL', 'info', 'debug, info, warn or error'),
  logFile: setting('log-file', 'FILE', 'MINIAWS_LOG_FILE', '', 'Where the log is written. Default: standard error'),
} as const satisfies Record<string, Setting>;

/** Variables that may hold a secret. No program that the daemon starts gets them. */
const SECRET: readonly string[] = [SETTINGS.databaseUrl.env, SETTINGS.databasePassword.env, 'PGPASSWORD'];

export const withoutSecrets = (env: NodeJS.ProcessEnv): NodeJS.ProcessEnv =>
  Object.fromEntries(Object.entries(env).filter(([name]) => !SECRET.includes(name)));

type SettingName = keyof typeof SETTINGS;
export type Config = Record<SettingName, string>;

/** The flag wins over the environment, the environment over the default. Throws on a value that cannot be meant. */
export function readConfig(flags: Partial<Record<string, string>>, env: NodeJS.ProcessEnv): Config {
  const names = Object.keys(SETTINGS) as SettingName[];
  const config = Object.fromEntries(
    names.map((name) => [name, flags[name] ?? (env[SETTINGS[name].env] || SETTINGS[name].fallback)]),
  ) as Config;
  checkConfig(config);
  return config;
}

function checkConfig(config: Config): void {
  const refuse = (name: SettingName, expected: string): never => {
    throw new Error(`--${SETTINGS[name].flag} (${SETTINGS[name].env}): expected ${expected}, found "${config[name]}"`);
  };
  if (!['docker', 'simulated'].includes(config.engine)) refuse('engine', 'docker or simulated');
  if (!['debug', 'info', 'warn', 'error', 'silent'].includes(config.logLevel))
    refuse('logLevel', 'debug, info, warn or error');
  for (const name of ['allowGpus', 'allowMetadata', 's3Tls', 's3AccessLog', 'adoptObjectDir'] as const)
    if (!['yes', 'no'].includes(config[name])) refuse(name, 'yes or no');
  const pool = parseCidr(config.vpcPool);
  if (!pool || pool.prefix > Number(config.vpcPrefix))
    refuse('vpcPool', 'an IPv4 range that holds at least one block of --vpc-prefix');
  if (!whole(config.vpcPrefix, 16, 28)) refuse('vpcPrefix', 'a number from 16 to 28');
  if (!whole(config.workers, 1, 256)) refuse('workers', 'a number from 1 to 256');
  if (!whole(config.metricsInterval, 0, 3_600)) refuse('metricsInterval', 'a number of seconds up to 3600, or 0');
  for (const name of ['resync', 'keepHistory', 'keepEvents', 'keepLog', 'idleTimeout'] as const)
    if (!whole(config[name], 1, 1_000_000)) refuse(name, 'a whole number from 1');
  if ((config.oidcIssuer === '') !== (config.oidcClientId === ''))
    refuse('oidcIssuer', '--oidc-client-id with it, or neither');
  if (config.oidcIssuer !== '' && !isIssuer(config.oidcIssuer)) refuse('oidcIssuer', 'an https address');
  if (!whole(config.keepAudit, 24, 1_000_000)) refuse('keepAudit', 'a whole number from 24');
  if (config.imageRetention !== '0' && parseDuration(config.imageRetention) === undefined)
    refuse('imageRetention', 'a time such as 24h or 90m, or 0');
  // Not `refuse`, which says what it found.
  if (!/^[\x21-\x7e]{0,128}$/.test(config.databasePassword))
    throw new Error(
      '--database-password (MINIAWS_DATABASE_PASSWORD): expected up to 128 printable characters of ASCII',
    );
  if (!/^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/.test(config.installation || 'a'))
    refuse('installation', 'a DNS label of at most 63 characters');
  if ((config.caCert === '') !== (config.caKey === '')) refuse('caCert', '--ca-key with it, or neither');
  if (config.listen !== '') parseListen(config.listen);
}

const whole = (text: string, least: number, most: number): boolean =>
  /^\d+$/.test(text) && Number(text) >= least && Number(text) <= most;

/** Where the API is served when nothing else is said. */
export const DEFAULT_LISTEN = { host: '127.0.0.1', port: 7443 };

/** `HOST:PORT`, with brackets around an IPv6 address. Port 0 takes a free one. */
export function parseListen(text: string): { host: string; port: number } {
  const match = /^(?:\[([0-9a-fA-F:]+)\]|([^:\s]+)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (!match || port > 65535)
    throw new Error(`--listen (MINIAWS_LISTEN): expected HOST:PORT such as 127.0.0.1:7443, found "${text}"`);
  return { host: match[1] ?? match[2] ?? '', port };
}

/** On this machine alone also without TLS. */
const isIssuer = (text: string): boolean =>
  URL.canParse(text) &&
  (new URL(text).protocol === 'https:' || /^http:\/\/(127\.0\.0\.1|\[::1\]|localhost)[:/]/.test(`${text}/`));

export const listOf = (text: string): string[] =>
  text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '');
