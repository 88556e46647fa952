import { sha256 } from '../../base/hash.ts';
import type { ProxyBackend, ProxyConfig, ProxyListener } from '../proxies.ts';
import { forwardedHeaders } from './forwarded-headers.ts';
import { normalisePaths, pathCondition } from './request-paths.ts';
import { ACCEPT_RAW_PATHS, refuseInvalid } from './request-syntax.ts';
import { addressWord, countWord, durationWord, nameWord, portWord, quotedWord } from './words.ts';

/** Where the configuration is inside the container. */
export const CONFIG_PATH = '/etc/miniaws/haproxy.cfg';
/** Everybody may read it: there is no secret in it. */
export const FILE_MODE = 0o644;
/** Where one is that is only to be judged. */
export const TRIAL_PATH = '/etc/miniaws/trial.cfg';
/** Where a worker begins with what the one before it knew of the servers. */
export const STATE_PATH = '/etc/miniaws/servers';
/** What it says where there was none before: the version of its format. */
export const NO_STATE = '1\n';
/**
 * The container's command: a master that stays in the foreground, for reloads, and a worker. Old workers are asked through
 * the master. All of the proxy's own ends have loopback addresses of their own, so that no listener's port is in their way:
 * 127.0.0.1 is the admin interface, 127.0.0.2 the master, 127.0.0.3 takes what old workers hand over.
 */
export const PROXY_COMMAND: readonly string[] = ['haproxy', '-W', '-db', '-S', '127.0.0.2:9998', '-f', CONFIG_PATH];
const HANDOVER_ADDRESS = '127.0.0.3';
/** No backend of a configuration has an underscore in its name. */
const HANDOVER = 'handover_';
export const isHandover = (backend: string): boolean => backend.startsWith(HANDOVER);
/** HAProxy ends its listeners at this one, and itself when its sessions have ended. */
export const PROXY_STOP_SIGNAL = 'SIGUSR1';
/** Of the hashes that are compared. */
const HASH_DIGITS = 16;
/** Before the structure's hash in `description`: none of ours has another. */
const MARK = 'miniaws-';
/** Milliseconds. Servers are one hop away: one that takes longer to take a connection is given up for another. */
const CONNECT_MS = 2_000;
/** Milliseconds for a request to come in whole, however slowly its client writes. */
const REQUEST_MS = 10_000;
/** Milliseconds that a request may wait for a server. */
const QUEUE_MS = 10_000;
/** Attempts after the first one failed to connect, each at another server. Nothing that was sent is sent again. */
const RETRIES = 3;
const THREADS = 2;
/** Room in a request's buffer for what is added to its head; a long Host comes twice. */
const REWRITE_BYTES = 4_096;
/**
 * A head of 64 KB fits, as with an ALB, and what HAProxy keeps beside each of its lines. A connection has up to two such
 * buffers while a request or an answer is on its way, and none while it is idle.
 */
const BUFFER_BYTES = 2 ** 16 + 2_048 + REWRITE_BYTES;
/** HAProxy's own formats without the request: client, time, frontend, backend/server, timers, status, bytes, termination state, connections. */
const HTTP_LOG = '%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %tsc %ac/%fc/%bc/%sc/%rc';
const TCP_LOG = '%ci:%cp [%t] %ft %b/%s %Tw/%Tc/%Tt %B %ts %ac/%fc/%bc/%sc/%rc';

/** For HAProxy 2.6. Equal configurations give equal text, in whatever order their lists of nouns were. */
export function renderConfig(config: ProxyConfig): string {
  return [...globalSection(config, structureOf(config)), ...rest(config), ''].join('\n');
}

/** What a change of membership leaves as it is. Of the text, so that a release that says more reloads once. */
export function structureOf(config: ProxyConfig): string {
  const backends = config.backends.map((backend) => ({ ...backend, servers: [] }));
  const without = { ...config, backends };
  return shortHash([...globalSection(without, ''), ...rest(without)].join('\n'));
}

/** What tells one stored file from another. */
export const fileOf = (text: string): string => shortHash(text);

/** As `fileOf`, of a whole SHA-256 that somebody else took. */
export const fileOfSha256 = (digest: string): string => digest.slice(0, HASH_DIGITS);

/** The structure in a worker's or a file's `description`; empty: it is none of ours. */
export function structureIn(description: string): string {
  const found = new RegExp(`^${MARK}([0-9a-f]{${HASH_DIGITS}})$`).exec(description.trim());
  return found?.[1] ?? '';
}

const shortHash = (text: string): string => fileOfSha256(sha256(text));

const rest = (config: ProxyConfig): readonly string[] => [
  ...defaultsSection(config),
  ...byName(config.listeners).flatMap((listener) => frontend(listener, config)),
  ...byName(config.backends).flatMap((backend) => backendSection(backend, config)),
  ...(config.mode === 'http' ? byName(config.listeners).flatMap(handoverBackend) : []),
];

/**
 * What went wrong is logged to the container's output, with HAProxy's termination state; never a request's line or headers,
 * and so no secret in one. It takes as many open files as the Engine lets it have: one without the right to raise that limit
 * (rootless, confined) refuses to start a container that asks for more, and by strict limits HAProxy would refuse to serve
 * fewer connections than `maxconn`.
 */
const globalSection = (config: ProxyConfig, structure: string): readonly string[] => [
  'global',
  `  description ${MARK}${structure}`,
  `  stats socket ipv4@127.0.0.1:${portWord(config.adminPort)} level admin expose-fd listeners`,
  `  hard-stop-after ${durationWord(config.drainMs)}`,
  `  maxconn ${countWord(config.maxConnections)}`,
  '  log stdout format raw local0 err',
  `  server-state-file ${STATE_PATH}`,
  '  no strict-limits',
  `  nbthread ${THREADS}`,
  ...(config.mode === 'http' ? [`  tune.bufsize ${BUFFER_BYTES}`, `  tune.maxrewrite ${REWRITE_BYTES}`] : []),
];

const defaultsSection = ({ mode, idleTimeoutMs, tunnelTimeoutMs }: ProxyConfig): readonly string[] => [
  'defaults',
  `  mode ${mode}`,
  '  load-server-state-from-file global',
  `  timeout connect ${durationWord(CONNECT_MS)}`,
  `  timeout queue ${durationWord(QUEUE_MS)}`,
  `  timeout client ${durationWord(idleTimeoutMs)}`,
  `  timeout server ${durationWord(idleTimeoutMs)}`,
  `  timeout tunnel ${durationWord(mode === 'http' ? tunnelTimeoutMs : idleTimeoutMs)}`,
  `  retries ${RETRIES}`,
  '  option redispatch 1',
  '  log global',
  '  option dontlog-normal',
  '  option log-separate-errors',
  `  log-format ${quotedWord(mode === 'http' ? HTTP_LOG : TCP_LOG)}`,
  ...(mode === 'http' ? httpDefaults(idleTimeoutMs) : []),
];

/**
 * `idle-close-on-response`: the old worker of a reload ends a kept-alive connection with an answer, never under a
 * request. `http-reuse safe`: the first request of a client never goes out on a connection that a server may be closing.
 * `abortonclose`: a client that has left does not hold the server, and so its removal, until the server answers.
 */
const httpDefaults = (idleTimeoutMs: number): readonly string[] => [
  `  timeout http-request ${durationWord(REQUEST_MS)}`,
  `  timeout http-keep-alive ${durationWord(idleTimeoutMs)}`,
  '  retry-on conn-failure',
  '  option idle-close-on-response',
  '  option abortonclose',
  ACCEPT_RAW_PATHS,
  '  http-reuse safe',
];

const frontend = (listener: ProxyListener, { mode, trustedProxies }: ProxyConfig): readonly string[] => [
  `frontend ${nameWord(listener.name)}`,
  `  bind *:${portWord(listener.port)}${listener.acceptProxy ? ' accept-proxy' : ''}`,
  ...(mode === 'http'
    ? [
        `  bind ${HANDOVER_ADDRESS}:${portWord(listener.port)} accept-proxy`,
        `  http-request allow ${IN_OLD_WORKER}`,
        ...refuseInvalid(),
        ...forwardedHeaders(listener.port, trustedProxies),
        ...(listener.rules.some(({ pathPrefix }) => pathPrefix !== undefined) ? normalisePaths() : []),
        `  use_backend ${HANDOVER}${portWord(listener.port)} ${IN_OLD_WORKER}`,
        ...listener.rules.map((rule) => `  use_backend ${nameWord(rule.backend)}${conditionOf(rule)}`),
      ]
    : []),
  ...(listener.defaultBackend === undefined ? [] : [`  default_backend ${nameWord(listener.defaultBackend)}`]),
];

/**
 * In a worker that a reload has left, servers are as they were then, and its runtime API changes none of them any more. So
 * the next request of a kept connection goes as it is to the worker of now, which is told the client's address.
 */
const IN_OLD_WORKER = 'if { stopping }';

const handoverBackend = ({ port }: ProxyListener): readonly string[] => [
  `backend ${HANDOVER}${portWord(port)}`,
  `  server now ${HANDOVER_ADDRESS}:${portWord(port)} send-proxy-v2`,
];

/** The host without its port and without regard to case; the path's whole segments. A rule that says neither takes everything. */
function conditionOf({ host, pathPrefix }: ProxyListener['rules'][number]): string {
  const conditions = [
    ...(host === undefined ? [] : [hostCondition(host)]),
    ...(pathPrefix === undefined ? [] : [pathCondition(pathPrefix)]),
  ].filter((condition) => condition !== '');
  return conditions.length > 0 ? ` if ${conditions.join(' ')}` : '';
}

/** `*.example.com` is every host below example.com, and not itself. */
const hostCondition = (host: string): string =>
  host.startsWith('*.')
    ? `{ req.hdr(host),host_only -m end -i -- ${quotedWord(host.slice(1))} }`
    : `{ req.hdr(host),host_only -m str -i -- ${quotedWord(host)} }`;

const ALGORITHM: Record<ProxyBackend['algorithm'], readonly string[]> = {
  roundRobin: ['  balance roundrobin'],
  leastConn: ['  balance leastconn'],
  // The default way to hash takes no servers at run time.
  source: ['  balance source', '  hash-type consistent'],
};

const backendSection = (backend: ProxyBackend, { mode }: ProxyConfig): readonly string[] => [
  `backend ${nameWord(backend.name)}`,
  ...ALGORITHM[backend.algorithm],
  ...checkLines(backend),
  ...(mode === 'http' ? stickyLines(backend) : []),
  `${SERVER_OPTIONS}${serverOptions(backend)}`,
  ...byName(backend.servers).map(
    ({ name, address, port }) => `  server ${nameWord(name)} ${addressWord(address)}:${portWord(port)}`,
  ),
];

const checkLines = ({ name, check }: ProxyBackend): readonly string[] => [
  `  timeout check ${durationWord(check.timeoutMs)}`,
  ...(check.http
    ? [
        '  option httpchk',
        `  http-check send meth GET uri ${quotedWord(check.http.path)} ver HTTP/1.1 hdr Host ${nameWord(name)} hdr User-Agent miniaws-health-check`,
        `  http-check expect status ${countWord(check.http.expectedStatus)}`,
      ]
    : []),
];

/** Each server's value comes from its address and the key: a server that is added at run time can be given no other. */
const stickyLines = ({ name, stickyCookie }: ProxyBackend): readonly string[] =>
  stickyCookie === undefined
    ? []
    : [
        `  cookie ${nameWord(stickyCookie)} insert indirect nocache httponly dynamic`,
        `  dynamic-cookie-key ${nameWord(name)}`,
      ];

/** What every server of the backend is, in the file as at run time (`serverOptionsIn`). */
function serverOptions({ check, sendProxy }: ProxyBackend): string {
  const words = [
    `check inter ${durationWord(check.intervalMs)}`,
    `rise ${countWord(check.healthyThreshold)}`,
    `fall ${countWord(check.unhealthyThreshold)}`,
  ];
  return [...words, ...(sendProxy ? ['send-proxy-v2', 'check-send-proxy'] : [])].join(' ');
}

const SERVER_OPTIONS = '  default-server ';

/**
 * What a server that is added at run time must be told, as the stored file has it: HAProxy gives it nothing of the
 * backend's `default-server`. `undefined`: the file has no such backend.
 */
export function serverOptionsIn(text: string, backend: string): { options: string; sticky: boolean } | undefined {
  const lines = text.split('\n');
  const begin = lines.indexOf(`backend ${backend}`);
  if (begin < 0) return undefined;
  const length = lines.slice(begin + 1).findIndex((line) => !line.startsWith(' '));
  const section = lines.slice(begin + 1, length < 0 ? undefined : begin + 1 + length);
  const options = section.find((line) => line.startsWith(SERVER_OPTIONS))?.slice(SERVER_OPTIONS.length);
  if (options === undefined || !/^[a-z0-9 -]+$/.test(options)) return undefined;
  return { options, sticky: section.some((line) => line.startsWith('  cookie ')) };
}

const byName = <T extends { name: string }>(list: readonly T[]): readonly T[] =>
  list.toSorted((a, b) => (a.name < b.name ? -1 : 1));
