import type { ProxyState, ServerMode, ServerState, Traffic } from '../proxies.ts';
import type { Answers, Row } from './answers.ts';
import { isHandover, structureIn } from './configuration.ts';
import type { OldWorkerAnswer } from './old-workers.ts';

/** Bits of `srv_admin_state`: why a server is in maintenance or drains, by hand, by the file, by another. */
const MAINTENANCE = 0x01 | 0x02 | 0x04 | 0x20 | 0x40;
const DRAIN = 0x08 | 0x10;
/** `srv_op_state` of a server that gets nothing; in maintenance too. */
const STOPPED = '0';

/** Which worker answered. One that is `stopping` is what a reload left: the next answer comes from another. */
export interface Worker {
  pid: string;
  structure: string;
  stopping: boolean;
}

export const workerOf = (info: ReadonlyMap<string, string>): Worker => ({
  pid: info.get('Pid') ?? '',
  structure: structureIn(info.get('description') ?? ''),
  stopping: info.get('Stopping') !== '0',
});

export function toState(answers: Answers, file: string, old: readonly OldWorkerAnswer[] | undefined): ProxyState {
  const { info, stat, servers, nowSeconds } = answers;
  const byName = new Map(stat.map((row) => [`${row('pxname')}/${row('svname')}`, row]));
  const oldSessions = (backend: string, server: string): number =>
    (old ?? []).reduce((all, { stat: seen }) => all + sum(seen.filter(isOf(backend, server)), 'scur'), 0);
  return {
    structure: workerOf(info).structure,
    file,
    since: new Date(Number(info.get('Start_time_sec')) * 1_000),
    servers: servers
      .filter((row) => !isHandover(row('be_name')))
      .map((row) => {
        const [backend, name] = [row('be_name'), row('srv_name')];
        const server = toServer(row, byName.get(`${backend}/${name}`), nowSeconds);
        return { ...server, sessions: server.sessions + oldSessions(backend, name) };
      }),
    oldWorkers: old?.map(({ pid, stat: seen }) => ({ id: pid, sessions: sum(seen.filter(isServer), 'scur') })),
    traffic: wholeTraffic(stat),
  };
}

const isOf =
  (backend: string, server: string) =>
  (row: Row): boolean =>
    row('pxname') === backend && row('svname') === server;

/** What it hands over is served by the worker of now. */
const isServer = (row: Row): boolean => !['FRONTEND', 'BACKEND'].includes(row('svname')) && !isHandover(row('pxname'));

function toServer(row: Row, stat: Row | undefined, nowSeconds: number): ServerState {
  return {
    backend: row('be_name'),
    server: row('srv_name'),
    address: row('srv_addr'),
    port: Number(row('srv_port')),
    mode: modeOf(row),
    health: row('srv_op_state') === STOPPED ? 'down' : 'up',
    changedAt: new Date((nowSeconds - Number(row('srv_time_since_last_change'))) * 1_000),
    sessions: count(stat, 'scur'),
    ...lastCheckOf(stat),
    traffic: trafficOf(stat),
  };
}

/** Without weight, a server drains as well, whoever took it. */
export function modeOf(row: Row): ServerMode {
  const admin = Number(row('srv_admin_state'));
  if (admin & MAINTENANCE) return 'maint';
  return admin & DRAIN || row('srv_uweight') === '0' ? 'drain' : 'ready';
}

/** `L7STS 404: Not Found`; a star before it means that another check is under way. */
function lastCheckOf(stat: Row | undefined): Pick<ServerState, 'lastCheck' | 'passed'> {
  const status = stat?.('check_status').replace(/^\* /, '') ?? '';
  if (!stat || status === '' || status === 'INI') return { lastCheck: '', passed: false };
  const code = stat('check_code');
  const words = stat('last_chk') || stat('check_desc');
  return { lastCheck: `${status}${code && ` ${code}`}${words && `: ${words}`}`, passed: status.endsWith('OK') };
}

const trafficOf = (stat: Row | undefined): Traffic => ({
  requests: count(stat, 'stot'),
  failed: count(stat, 'econ') + count(stat, 'eresp'),
  errors5xx: count(stat, 'hrsp_5xx'),
  latencyMs: latencyOf(stat),
  sessions: count(stat, 'scur'),
});

/** Queue, connection and, over http, the answer. HAProxy's own total counts the idle time of a kept connection in. */
const latencyOf = (stat: Row | undefined): number => count(stat, 'qtime') + count(stat, 'ctime') + count(stat, 'rtime');

/** Frontends know what came in, backends what became of it: their latency is weighted by what they served. */
function wholeTraffic(stat: readonly Row[]): Traffic {
  const frontends = stat.filter((row) => row('svname') === 'FRONTEND');
  const backends = stat.filter((row) => row('svname') === 'BACKEND');
  const errors5xx = sum(frontends, 'hrsp_5xx');
  // What no rule matched is answered 503 before there is a backend to count it.
  const unmatched = Math.max(0, errors5xx - sum(backends, 'hrsp_5xx'));
  const served = sum(backends, 'stot');
  const weighted = backends.reduce((all, row) => all + latencyOf(row) * count(row, 'stot'), 0);
  return {
    requests: frontends.reduce((all, row) => all + count(row, row('mode') === 'tcp' ? 'stot' : 'req_tot'), 0),
    failed: sum(backends, 'econ') + sum(backends, 'eresp') + unmatched,
    errors5xx,
    latencyMs: served === 0 ? 0 : Math.round(weighted / served),
    sessions: sum(frontends, 'scur'),
  };
}

const sum = (rows: readonly Row[], column: string): number => rows.reduce((all, row) => all + count(row, column), 0);

const count = (row: Row | undefined, column: string): number => Number(row?.(column) ?? 0) || 0;
