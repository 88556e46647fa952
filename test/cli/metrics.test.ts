import { PassThrough } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { COMMANDS, KINDS } from '../../src/kinds/index.ts';
import { steps } from '../../src/cli/metrics-view.ts';
import { runClient } from '../../src/cli/program.ts';
import { heightsFor, sparkline } from '../../src/cli/sparkline.ts';
import { startDaemon } from '../support/daemon.ts';
import type { TestDaemon } from '../support/daemon.ts';
import { call } from '../support/http.ts';
import { instance, pathOf, vpc } from '../support/manifests.ts';
import { eventually } from '../support/wait.ts';
import { run } from './support.ts';

let daemon: TestDaemon;
beforeAll(async () => {
  daemon = await startDaemon({ engine: 'simulated', env: { MINIAWS_METRICS_INTERVAL: '1' } });
  await call(daemon, 'POST', pathOf('vpcs'), { body: vpc('main', { cidrBlock: '10.71.0.0/24' }) });
  for (const [name, cpus] of [
    ['big', 1],
    ['small', 0.02],
  ] as const) {
    const spec = { image: 'web:1', vpc: 'main', resources: { cpus, memory: '32Mi' } };
    await call(daemon, 'POST', pathOf('instances'), { body: instance(name, spec, { labels: { app: name } }) });
  }
});
afterAll(() => daemon?.stop());

const UTF8 = { LANG: 'en_US.UTF-8' };
const miniaws = (args: readonly string[], env = {}) => run(args, { kubeconfig: daemon.kubeconfigPath, env });

describe('miniaws top', () => {
  it('prints a table once where there is no terminal, most cpu first', async () => {
    const { out } = await eventually('two samples of each', async () => {
      const ran = await miniaws(['top'], UTF8);
      return ran.code === 0 && /small .*%/.test(ran.out) && /big .*%/.test(ran.out) && ran;
    });
    const [heading, first, second] = out.split('\n');
    expect(heading).toMatch(/^NAME +CPU +MEMORY +LIMIT +RECEIVED\/S +SENT\/S +READ\/S +WRITTEN\/S +CPU LATELY$/);
    expect(first).toMatch(/^small +\d+\.\d% +4Mi +32Mi +0 B +0 B +0 B +0 B +[▁▂▃▄▅▆▇█ ]+$/);
    expect(second).toMatch(/^big +\d\.\d% /);
  });

  it('takes labels, namespaces and another order; without UTF-8 the graph is ASCII', async () => {
    const { out } = await miniaws(['top', 'instances', '-l', 'app=big', '-A', '--no-headers']);
    expect(out).toMatch(/^default +big +\d\.\d% .*[_.,=+*#-]+\n$/);
    expect((await miniaws(['top', '--sort', 'memory', '--once'])).code).toBe(0);
    expect(await miniaws(['top', '-n', 'empty'])).toMatchObject({ code: 0, out: '' });
    expect((await miniaws(['top', 'vpcs'])).err).toContain('only instances can be shown');
    expect((await miniaws(['top', '--sort', 'name'])).err).toContain('expected one of cpu, memory');
  });

  it('is live on a terminal, and gives it back as it was', async () => {
    const stdout = Object.assign(new PassThrough(), { isTTY: true, rows: 4, columns: 40 });
    let written = '';
    stdout.on('data', (chunk: Buffer) => (written += chunk.toString('utf8')));
    let interrupt = () => {};
    const io = {
      stdin: new PassThrough(),
      stdout,
      stderr: new PassThrough(),
      env: { TERM: 'xterm', ...UTF8 },
      setExitCode: () => {},
      onInterrupt(listener: () => void) {
        interrupt = listener;
        return () => {};
      },
    };
    const setup = { io, kinds: KINDS, defaultKubeconfig: () => daemon.kubeconfigPath, version: '0.0.0-test' };
    const ended = runClient(setup, COMMANDS, ['top']);
    await eventually('two pictures', () => written.split('\u001b[H').length > 2);
    interrupt();
    expect(await ended).toBe(130);
    expect(written.startsWith('\u001b[?1049h\u001b[?25l')).toBe(true);
    expect(written.endsWith('\u001b[?25h\u001b[?1049l')).toBe(true);
    const picture = written.split('\u001b[H')[1]!.split('\u001b[J')[0]!.split('\r\n');
    expect(picture).toHaveLength(4);
    expect(picture[0]).toContain('2 running, most cpu first');
    expect(picture[3]).toMatch(/^small/);
    expect(Math.max(...picture.map((line) => line.replace('\u001b[K', '').length))).toBeLessThanOrEqual(40);
  });
});

describe('miniaws metrics', () => {
  it('prints a graph and a table, or JSON', async () => {
    const ran = await eventually('a line', async () => {
      const { code, out, err } = await miniaws(['metrics', 'instance/small', '--since', '10m', '--points', '5'], UTF8);
      expect([code, err]).toEqual([0, '']);
      return out.includes('%') && out;
    });
    expect(ran).toMatch(
      /^CPU {6}[ ▁▂▃▄▅▆▇█]+ at most \d+\.\d%\nMEMORY +[ ▁▂▃▄▅▆▇█]+ at most 4Mi of 32Mi\n\nTIME +CPU +MAX/,
    );
    expect(ran).toMatch(/^\d{4}-\d\d-\d\dT[\d:]+Z +\d+\.\d% +\d+\.\d% +4Mi +4Mi +0 B/m);
    const json = JSON.parse((await miniaws(['metrics', 'instance', 'big', '-o', 'json'])).out) as { kind: string };
    expect(json.kind).toBe('InstanceMetrics');
  });

  it('says what is wrong, and what to do', async () => {
    expect((await miniaws(['metrics', 'vpc/main'])).err).toContain('only instances and load balancers have metrics');
    expect(await miniaws(['metrics', 'instance/nobody'])).toMatchObject({ code: 1, out: '' });
    expect((await miniaws(['metrics', 'instance/big', '--since', '1y'])).err).toContain('expected a duration');
    expect((await miniaws(['metrics', 'instance/big', '--since', '90d'])).err).toContain('from 1s to 30d');
  });

  it('is completed as instances are', async () => {
    expect((await miniaws(['__complete', '--', 'metrics', ''])).out).toBe('instance/big\ninstance/small\n');
    expect((await miniaws(['__complete', '--', 'top', ''])).out).toBe('instances\n');
  });
});

it('a small graph, from zero to the most, with gaps where nothing is known', () => {
  const blocks = heightsFor({ LC_ALL: '', LANG: 'C.utf8' });
  expect(sparkline([0, 50, 100, undefined, 200], 100, blocks)).toBe('▁▅█ █');
  expect(sparkline([0, 50, 100], 100, heightsFor({ LC_ALL: 'C', LANG: 'en_US.UTF-8' }))).toBe('_=#');
  expect(sparkline([0, 0], 0, blocks)).toBe('▁▁');
  expect(sparkline([], 100, blocks)).toBe('');
  const at = (seconds: number) => new Date(seconds * 1_000).toISOString();
  const point = (seconds: number, cpuPercent: number) => ({ time: at(seconds), cpuPercent });
  const window = { since: at(0), until: at(40), seconds: 10 };
  const metrics = {
    metadata: { name: 'a', namespace: 'b' },
    window,
    points: [point(1, 5), point(39.9, 7), point(40, 8)],
  };
  expect(steps(metrics, (p) => p.cpuPercent)).toEqual([5, undefined, undefined, 8]);
});
