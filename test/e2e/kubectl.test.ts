import { execFile, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Cloud } from '../support/cloud.ts';
import { hasKubectl, printed, runKubectl, startKubectl } from '../support/kubectl.ts';
import { call } from '../support/http.ts';
import { instance, pathOf, vpc } from '../support/manifests.ts';
import { eventually } from '../support/wait.ts';

let cloud: Cloud;
beforeAll(async () => {
  if (!hasKubectl) return;
  cloud = await Cloud.start({ env: { MINIAWS_METRICS_INTERVAL: '1' } });
  const labels = { app: 'web' };
  await cloud.apply(
    vpc('net', { cidrBlock: '10.223.0.0/24' }),
    instance(
      'web',
      { image: cloud.image, vpc: 'net', command: ['serve'], resources: { cpus: 0.5, memory: '64Mi' } },
      { labels },
    ),
    instance(
      'talks',
      {
        image: cloud.image,
        vpc: 'net',
        command: [
          'sh',
          '-c',
          'sleep 1; echo one; echo two; echo three; [ -e /run/again ] && exec sleep 100000; mkdir -p /run; touch /run/again; exit 3',
        ],
      },
      { labels: { app: 'talks' } },
    ),
    instance('reads', {
      image: cloud.image,
      vpc: 'net',
      command: ['sh', '-c', 'while read line; do echo "heard $line"; done'],
      stdin: true,
    }),
    instance('other', { image: cloud.image, vpc: 'net', command: ['sh', '-c', 'echo begun; exec sleep 100000'] }),
  );
  await cloud.ready('instances', 'web', 'other', 'reads');
  await eventually('the second run', async () => {
    const { text } = await call(cloud.daemon, 'GET', `${pathOf('instances', 'talks')}/log`);
    return (await cloud.instance('talks')).status?.restarts === 1 && text.split('three').length === 3;
  });
});
afterAll(() => cloud?.close());

const kubectl = async (words: string, stdin?: string): Promise<string> => {
  const { code, stdout, stderr } = await runKubectl(cloud.daemon, words.split(' '), stdin);
  expect(code, `${stdout}${stderr}`).toBe(0);
  return stdout;
};

/** The words of a refusal. */
const refused = async (words: string): Promise<string> => {
  const { code, stderr } = await runKubectl(cloud.daemon, words.split(' '));
  expect(code).not.toBe(0);
  return stderr;
};

describe.runIf(hasKubectl)('kubectl sees', () => {
  it('instances as pods', async () => {
    expect(await kubectl('get pods')).toMatch(
      /^NAME +READY +STATUS +RESTARTS +AGE\nother +1\/1 +Running +0 .*\nreads +1\/1 +Running +0 .*\ntalks +\d\/1 +Running +1 .*\nweb +1\/1 +Running +0 .*\n$/,
    );
    expect(await kubectl('get pods -A -o wide -l app=web')).toMatch(/\ndefault +web +1\/1 +Running .* 10\.223\.0\./);
    expect(await kubectl('get pods --field-selector status.phase=Running,metadata.name!=web -l !app -o name')).toBe(
      'pod/other\npod/reads\n',
    );
    const { metadata, status } = await cloud.instance('web');
    const pod = JSON.parse(await kubectl('get pod web -o json')) as { metadata: object; status: object };
    expect(pod.metadata).toMatchObject({ uid: metadata.uid, labels: { app: 'web' } });
    expect(pod.status).toMatchObject({ phase: 'Running', podIP: status!.privateIp });
    const described = await kubectl('describe pod web');
    expect(described).toMatch(/Controlled By: +Instance\/web/);
    expect(described).toMatch(/Normal +Started .*start container/);
    expect(await kubectl('wait --for=condition=Ready pod/web')).toContain('condition met');
    expect(await refused('get pod none')).toContain('pods "none" not found');
  });

  it('what changes of them', async () => {
    const watching = startKubectl(cloud.daemon, ['get', 'pods', '-w', '-l', 'app=web', '--show-labels']);
    await printed(watching, /web .*app=web\n/);
    await kubectl('label instance web tier=front');
    await printed(watching, 'tier=front');
    await kubectl('label instance web app=none --overwrite');
    await kubectl('label instance web app=web --overwrite');
    watching.stop();
    await watching.ended;
    expect(watching.stdout()).not.toContain('other');
  });

  it('the machine as a node', async () => {
    const { stdout } = await runKubectl(cloud.daemon, ['get', 'nodes', '-o', 'json']);
    const { items } = JSON.parse(stdout) as { items: { metadata: { name: string }; status: { capacity: object } }[] };
    expect(items).toHaveLength(1);
    expect(items[0]!.status.capacity).toMatchObject({ cpu: expect.stringMatching(/^\d+$/) });
    const { name } = items[0]!.metadata;
    expect(await kubectl('get nodes')).toMatch(new RegExp(`\\n${name} +Ready`));
    expect(await kubectl(`describe node ${name}`)).toMatch(/Non-terminated Pods: +\(4 in total\)/);
  });

  it('that they are only to be read, and what to write', async () => {
    expect(await refused('delete pod web')).toContain('write Instance default/web: kubectl edit instance web');
    expect(await refused('label pod web a=b')).toContain('MethodNotAllowed');
    expect(await refused('run x --image=y')).toContain('can only be read: write instances');
    await cloud.ready('instances', 'web');
  });
});

describe.runIf(hasKubectl)('kubectl logs', () => {
  it('reads what a process has written, as far back as is asked for', async () => {
    expect(await kubectl('logs talks')).toBe('one\ntwo\nthree\n'.repeat(2));
    expect(await kubectl('logs talks --tail=1 -c talks')).toBe('three\n');
    expect(await kubectl('logs talks --limit-bytes=5')).toBe('one\nt');
    expect(await kubectl('logs talks --since=1h --timestamps --tail=1')).toMatch(/^\d{4}-\d\d-\d\dT\S+Z three\n$/);
    expect(await kubectl('logs talks --previous')).toMatch(/^one\ntwo\nthree\n/);
    expect(await refused('logs reads --previous')).toContain('nothing is kept of an earlier run');
    expect(await kubectl('logs -l app=talks --prefix --tail=1')).toBe('[pod/talks/talks] three\n');
    expect(await refused('logs talks -c none')).toContain('container none is not valid for pod talks');
  });

  it('goes on with what comes', async () => {
    const following = startKubectl(cloud.daemon, ['logs', '-f', 'web', '--since=1m']);
    const said = `said-${Date.now()}`;
    await cloud.exec('web', 'sh', '-c', `echo ${said} > /proc/1/fd/1`);
    await printed(following, said);
    following.stop();
    await following.ended;
  });
});

describe.runIf(hasKubectl)('kubectl runs', () => {
  it('commands, with their input, output and exit status', async () => {
    expect(await kubectl('exec web -- echo hello')).toBe('hello\n');
    expect(await kubectl('exec -i web -- cat', 'put in')).toBe('put in');
    const failed = await runKubectl(cloud.daemon, ['exec', 'web', '--', 'sh', '-c', 'echo no >&2; exit 5']);
    expect([failed.code, failed.stdout]).toEqual([5, '']);
    expect(failed.stderr).toContain('no\n');
    expect(await refused('exec web -c none -- true')).toContain('none');
  });

  it.skipIf(spawnSync('script', ['--version']).error)('a command on a terminal', async () => {
    const line = `kubectl --kubeconfig ${cloud.daemon.kubeconfigPath} exec -it web -- sh -c 'test -t 0 && echo a terminal'`;
    const { stdout } = await promisify(execFile)('script', ['-qec', line, '/dev/null']);
    expect(stdout).toContain('a terminal\r\n');
  });

  it('along with the process of an instance', async () => {
    const attached = startKubectl(cloud.daemon, ['attach', '-i', 'reads']);
    // What is said before it is attached is lost, as with every terminal.
    await eventually('an answer', () => {
      attached.stdin('me\n');
      return attached.stdout().includes('heard me\n');
    });
    attached.stop();
    await attached.ended;
    await cloud.ready('instances', 'reads');
  });

  it('copies of files, both ways', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'miniaws-cp-'));
    try {
      const content = randomBytes(3_000_000);
      await writeFile(join(dir, 'there'), content);
      await kubectl(`cp ${dir}/there web:/tmp/there`);
      await kubectl(`cp web:/tmp/there ${dir}/back`);
      expect((await readFile(join(dir, 'back'))).equals(content)).toBe(true);
    } finally {
      await rm(dir, { recursive: true });
    }
  });
});

describe.runIf(hasKubectl)('kubectl top', () => {
  it('shows what instances use, and the machine with them', async () => {
    const found = await eventually('samples', async () => {
      const { code, stdout, stderr } = await runKubectl(cloud.daemon, ['top', 'pod', '-l', 'app=web', '--no-headers']);
      if (code === 0) return stdout;
      throw new Error(stderr);
    });
    expect(found).toMatch(/^web +\d+m +\d+Mi *\n$/);
    expect(await kubectl('top pod -A --containers')).toMatch(/\ndefault +web +web +\d+m/);
    expect(await kubectl('top pod web')).toMatch(/\nweb +\d+m/);
    expect(await kubectl('top node')).toMatch(/^NAME +CPU.*\n\S+ +\d+m +\d+% +\d+Mi +\d+%/);
    expect(await refused('top pod none')).toContain('not found');
  });
});

/** As kubectl speaks now, and as it did before 1.31. */
const WIRES = [
  ['WebSocket', 'true'],
  ['SPDY', 'false'],
] as const;

describe.runIf(hasKubectl).each(WIRES)('over %s kubectl', (_, flag) => {
  const env = { KUBECTL_REMOTE_COMMAND_WEBSOCKETS: flag, KUBECTL_PORT_FORWARD_WEBSOCKETS: flag };

  it('runs commands', async () => {
    const line = 'cat; echo no >&2; exit 5';
    const text = 'x'.repeat(200_000);
    const ran = await runKubectl(cloud.daemon, ['exec', '-i', 'web', '--', 'sh', '-c', line], text, env);
    expect(ran.code).toBe(5);
    expect(ran.stdout === text).toBe(true);
    expect(ran.stderr).toContain('no\n');
    expect((await runKubectl(cloud.daemon, ['exec', 'web', '--', 'true'], '', env)).code).toBe(0);
  });

  it('forwards connections to a port that is not published', async () => {
    const forwarding = startKubectl(cloud.daemon, ['port-forward', 'pod/web', ':80', ':81'], env);
    await printed(forwarding, /-> 80\n[^]*-> 81\n/);
    const [open, shut] = [...forwarding.stdout().matchAll(/127\.0\.0\.1:(\d+) ->/g)].map(([, port]) => port);
    const pages = await Promise.all(
      Array.from({ length: 20 }, async () => (await fetch(`http://127.0.0.1:${open}/`)).text()),
    );
    expect(new Set(pages).size).toBe(1);
    expect(pages[0]!.length).toBeGreaterThan(0);
    await expect(fetch(`http://127.0.0.1:${shut}/`)).rejects.toThrow();
    await eventually('the reason', () => /port 81.*connection refused/.test(forwarding.stderr()));
    // kubectl ends by itself when it is told of an error.
    forwarding.stop();
    await forwarding.ended;
  });
});
