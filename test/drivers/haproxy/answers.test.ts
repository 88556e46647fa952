import { describe, expect, it } from 'vitest';
import { complaintsIn } from '../../../src/drivers/haproxy/admin.ts';
import { csvCells, parseAnswers, parseServers } from '../../../src/drivers/haproxy/answers.ts';
import { oldPids, parseOldWorker, streamsOf } from '../../../src/drivers/haproxy/old-workers.ts';
import type { OldWorkerAnswer } from '../../../src/drivers/haproxy/old-workers.ts';
import { toState, workerOf } from '../../../src/drivers/haproxy/state.ts';
import type { ServerState } from '../../../src/drivers/proxies.ts';

/** What HAProxy 2.6.12 answered, but for columns and keys that nothing here reads. */
const INFO = `Name: HAProxy
Version: 2.6.12-1+deb12u4
Pid: 98
Uptime: 0d 0h00m58s
description: miniaws-0123456789abcdef
Stopping: 0
Build info: 2.6.12-1+deb12u4
Start_time_sec: 1795404167
Tainted: 0`;
const STAT_HEAD =
  '# pxname,svname,scur,stot,econ,eresp,status,check_status,check_code,hrsp_5xx,req_tot,last_chk,qtime,ctime,rtime,ttime,check_desc,mode,';
const SERVERS_HEAD = `1
# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_iweight srv_time_since_last_change srv_check_status srv_check_result srv_check_health srv_check_state srv_agent_state bk_f_forced_id srv_f_forced_id srv_fqdn srv_port srvrecord srv_use_ssl srv_check_port srv_check_addr srv_agent_addr srv_agent_port`;
const ACTIVITY = `thread_id: 1 (1..2)
date_now: 1795404226.371280
ctxsw: 940 [ 458 482 ]`;

const answer = (stat: readonly string[], servers: readonly string[], info = INFO): string =>
  `${[info, [STAT_HEAD, ...stat].join('\n'), [SERVERS_HEAD, ...servers].join('\n'), ACTIVITY].join('\n\n')}\n\n`;

const stateOf = (stat: readonly string[], servers: readonly string[] = [], old?: readonly OldWorkerAnswer[]) => {
  const answers = parseAnswers(answer(stat, servers));
  if (!answers) throw new Error('not parsed');
  return toState(answers, 'f', old);
};

/** `op admin weight change`, as they stand in a server's line, and how many checks it could fail: none when it is down. */
const line = (op: number, admin: number, weight = 1, change = 59) =>
  `4 app 1 s1 10.213.200.9 ${op} ${admin} ${weight} 1 ${change} 17 2 ${op} 6 0 0 0 - 80 - 0 0 - - 0`;

describe('the answers of HAProxy', () => {
  it('say who answered, since when, and by what configuration', () => {
    expect(stateOf([])).toMatchObject({
      structure: '0123456789abcdef',
      file: 'f',
      since: new Date(1_795_404_167_000),
      servers: [],
      traffic: { requests: 0, failed: 0, errors5xx: 0, latencyMs: 0, sessions: 0 },
    });
    const worker = (text: string) => workerOf(parseAnswers(answer([], [], text))?.info ?? new Map());
    expect(worker(INFO)).toEqual({ pid: '98', structure: '0123456789abcdef', stopping: false });
    expect(worker(INFO.replace('Stopping: 0', 'Stopping: 1'))).toMatchObject({ stopping: true });
    expect(worker(INFO.replace(/description.*\n/, ''))).toMatchObject({ structure: '' });
    expect(worker(INFO.replace('miniaws-', 'somebody '))).toMatchObject({ structure: '' });
  });

  it('say which workers reloads have left, and what these still do', () => {
    const proc = `#<PID>          <type>          <reloads>       <uptime>        <version>
1               master          2 [failed: 0]   0d00h00m07s     2.6.12-1+deb12u4
# workers
64              worker          0               0d00h00m01s     2.6.12-1+deb12u4
# old workers
56              worker          1               0d00h00m02s     2.6.12-1+deb12u4
48              worker          2               0d00h00m03s     2.6.12-1+deb12u4
# programs
`;
    expect(oldPids(proc)).toEqual(['48', '56']);
    expect(oldPids(proc.replace(/# old workers\n.*\n.*\n/, ''))).toEqual([]);
    expect(oldPids('')).toBeUndefined();
    const stat = [STAT_HEAD, 'app,s1,2,9,,,UP,', 'handover_80,now,1,1,,,UP,', 'app,BACKEND,2,9,,,UP,'].join('\n');
    const worker = parseOldWorker('48', `${INFO.replace('Stopping: 0', 'Stopping: 1')}\n\n${stat}\n\n`);
    expect(worker).toMatchObject({ pid: '48', stopping: true });
    expect(parseOldWorker('48', "Can't find the target PID matching the prefix '@!48'\n")).toBeUndefined();
    expect(
      stateOf(['app,s1,1,7,0,0,UP,'], [line(2, 0), line(2, 0).replace('app', 'handover_80')], [worker!]),
    ).toMatchObject({
      servers: [{ backend: 'app', server: 's1', sessions: 3, traffic: { sessions: 1 } }],
      oldWorkers: [{ id: '48', sessions: 2 }],
    });
    const streams = [
      '0x55d0c0ffee00: proto=tcpv4 src=10.0.0.9:4711 fe=web be=app srv=s1 ts=00 epoch=0 age=1s',
      '0x55d0c0ffee01: proto=tcpv4 src=10.0.0.9:4712 fe=web be=app srv=s10 ts=00 epoch=0 age=1s',
      '0x55d0c0ffee02: proto=unix_stream src=unix:1 fe=MASTER be=<NONE> srv=<none> ts=00 age=0s',
    ].join('\n');
    expect(streamsOf(streams, { backend: 'app', server: 's1' })).toEqual(['0x55d0c0ffee00']);
  });

  it.each<[string, string, string, Partial<ServerState>]>([
    [
      'up',
      line(2, 0),
      'app,s1,3,7,0,0,UP,L7OK,200,0,,,0,1,2,900,Layer7 check passed,http,',
      { mode: 'ready', health: 'up', lastCheck: 'L7OK 200: Layer7 check passed', sessions: 3 },
    ],
    [
      'unchecked',
      line(2, 0),
      'app,s1,0,0,0,0,UP 1/3,INI,,0,,,0,0,0,0,Initializing,http,',
      { mode: 'ready', health: 'up', lastCheck: '' },
    ],
    [
      'being checked again',
      line(2, 0),
      'app,s1,0,0,0,0,UP,* L4OK,,0,,,0,0,0,0,Layer4 check passed,tcp,',
      { lastCheck: 'L4OK: Layer4 check passed' },
    ],
    [
      'refusing',
      line(0, 0),
      'app,s1,0,4,2,1,DOWN,L4CON,,1,,Connection refused,0,0,0,0,Layer4 connection problem,http,',
      { mode: 'ready', health: 'down', lastCheck: 'L4CON: Connection refused' },
    ],
    [
      'answering wrong',
      line(0, 0),
      'app,s1,0,0,0,0,DOWN,L7STS,404,0,,Not Found,0,0,0,0,Layer7 wrong status,http,',
      { health: 'down', lastCheck: 'L7STS 404: Not Found' },
    ],
    [
      'with a comma in its words',
      line(0, 0),
      'app,s1,0,0,0,0,DOWN,L7STS,500,0,,"No, ""never""",0,0,0,0,Layer7 wrong status,http,',
      { lastCheck: 'L7STS 500: No, "never"' },
    ],
    [
      'down, and coming up',
      line(0, 0),
      'app,s1,0,0,0,0,DOWN,* L7OK,200,0,,,0,0,0,0,Layer7 check passed,http,',
      { mode: 'ready', health: 'down', lastCheck: 'L7OK 200: Layer7 check passed', passed: true },
    ],
    [
      'draining',
      line(2, 8),
      'app,s1,1,1,0,0,DRAIN,L7OK,200,0,,,0,0,0,0,Layer7 check passed,http,',
      { mode: 'drain', health: 'up', sessions: 1 },
    ],
    ['without weight', line(2, 0, 0), 'app,s1,0,0,0,0,DRAIN,L7OK,200,0,,,0,0,0,0,,http,', { mode: 'drain' }],
    [
      'in maintenance',
      line(0, 1),
      'app,s1,0,0,0,0,MAINT,,,0,,,0,0,0,0,,http,',
      { mode: 'maint', health: 'down', lastCheck: '' },
    ],
    [
      'in maintenance by its file, and draining',
      line(0, 12),
      'app,s1,0,0,0,0,MAINT,,,0,,,0,0,0,0,,http,',
      { mode: 'maint' },
    ],
  ])('tell of a server that is %s', (_what, server, stat, expected) => {
    const [seen] = stateOf([stat], [server]).servers;
    expect(seen).toMatchObject({
      backend: 'app',
      server: 's1',
      address: '10.213.200.9',
      port: 80,
      changedAt: new Date((1_795_404_226 - 59) * 1_000),
      ...expected,
    });
  });

  it('count what servers served and what they failed at', () => {
    const stat = 'app,s1,3,7,2,1,UP,L7OK,200,4,,,5,1,20,900,Layer7 check passed,http,';
    expect(stateOf([stat], [line(2, 0)]).servers[0]?.traffic).toEqual({
      requests: 7,
      failed: 3,
      errors5xx: 4,
      latencyMs: 26,
      sessions: 3,
    });
  });

  it('count all together: requests where they came in, failures where they failed or were matched by nothing', () => {
    const { traffic } = stateOf([
      'web,FRONTEND,4,9,,,OPEN,,,5,90,,,,,,,http,',
      'raw,FRONTEND,1,10,,,OPEN,,,,0,,,,,,,tcp,',
      'app,BACKEND,0,60,2,1,UP,,,3,,,1,2,7,500,,http,',
      'two,BACKEND,0,20,0,1,UP,,,0,,,0,10,40,500,,http,',
    ]);
    expect(traffic).toEqual({ requests: 100, failed: 2 + 1 + 1 + (5 - 3), errors5xx: 5, latencyMs: 20, sessions: 5 });
  });

  it.each([
    ['nothing', ''],
    ['half', answer([], []).slice(0, 200)],
    ['another program’s', 'HTTP/1.1 400 Bad Request\n\nx\n\ny\n\nz'],
    ['without its time', answer([], []).replace('date_now', 'date')],
  ])('are not taken for whole when they are %s', (_what, text) => expect(parseAnswers(text)).toBeUndefined());

  it('find the servers of one backend, and tell none from no backend', () => {
    const rows = parseServers(`${SERVERS_HEAD}\n${line(2, 0)}\n\n`);
    expect(rows?.map((row) => [row('srv_name'), row('srv_port'), row('no such column')])).toEqual([['s1', '80', '']]);
    expect(parseServers(`${SERVERS_HEAD}\n\n`)).toEqual([]);
    expect(parseServers("Can't find backend.\n\n")).toBeUndefined();
  });

  it.each([
    ['a,,b', ['a', '', 'b']],
    ['', ['']],
    [',', ['', '']],
    ['"a,b",c', ['a,b', 'c']],
    ['"say ""no""",', ['say "no"', '']],
  ])('the cells of %s', (text, cells) => expect(csvCells(text)).toEqual(cells));
});

describe('what HAProxy says against a configuration', () => {
  const noise = `[NOTICE]   (134) : haproxy version is 2.6.12-1+deb12u4
[NOTICE]   (134) : path to executable is /bin/haproxy
`;

  it.each([
    [
      `${noise}[ALERT]    (134) : config : parsing [/etc/miniaws/trial.cfg:7] : unknown keyword 'foo' in 'global' section
[ALERT]    (134) : config : Error(s) found in configuration file : /etc/miniaws/trial.cfg
[ALERT]    (134) : config : Fatal errors found in configuration.
`,
      "line 7: unknown keyword 'foo' in 'global' section",
    ],
    [
      `${noise}[ALERT]    (134) : config : Proxy 'web': unable to find required default_backend: 'nowhere'.
[WARNING]  (134) : config : something else
[ALERT]    (134) : config : Fatal errors found in configuration.
`,
      "Proxy 'web': unable to find required default_backend: 'nowhere'",
    ],
    [
      `[ALERT]    (9) : config : Cannot open configuration file/directory /etc/miniaws/haproxy.cfg : No such file or directory`,
      'Cannot open configuration file/directory /etc/miniaws/haproxy.cfg : No such file or directory',
    ],
    [noise, ''],
  ])('is told without paths and noise', (text, words) => expect(complaintsIn(text)).toBe(words));
});
