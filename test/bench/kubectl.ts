import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer, request as httpsRequest } from 'node:https';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { promisify } from 'node:util';
import { PAUSED } from '../../src/api/metadata.ts';
import type { TestDaemon } from '../support/daemon.ts';
import { instance, pathOf } from '../support/manifests.ts';
import { pairs, summary, timed } from './figure.ts';
import type { Benchmark, Figure } from './figure.ts';
import type { Workshop } from './workshop.ts';

const execute = promisify(execFile);
const OBJECTS = 50;
const PAIRS = 7;

/**
 * What a person waits for kubectl: against the daemon, and against a server that only gives back, over TLS, what the daemon
 * had answered to the same requests. That is kubectl's own time.
 */
export const kubectl: Benchmark = {
  name: 'kubectl',
  async run(workshop) {
    const daemon = await workshop.daemon({ engine: 'simulated' });
    const numbers = Array.from({ length: OBJECTS }, (_, n) => n);
    for (const n of numbers) {
      const body = instance(`i-${n}`, { image: 'bench:1' }, { annotations: { [PAUSED]: 'true' } });
      await daemon.client.send('POST', pathOf('instances'), { body });
    }
    // Of a kind that goes as it is deleted: no watch, which no server can give back.
    const maps = numbers.map((n) => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: `m-${n}`, namespace: 'default' },
      data: { n: String(n) },
    }));
    const file = await workshop.manifests('fifty', maps);
    const echo = await Echo.start(workshop, daemon);
    const ours = daemon.kubeconfigPath;
    const floor = await echo.kubeconfig(workshop);
    const recorded = await echo.recordingKubeconfig(workshop);
    const steps: readonly { name: string; args: readonly string[] }[] = [
      { name: 'apply', args: ['apply', '-f', file] },
      { name: 'get', args: ['get', 'instances'] },
      { name: 'delete', args: ['delete', '--wait=false', '-f', file] },
    ];
    const run = (kubeconfig: string, args: readonly string[]) =>
      execute('kubectl', ['--kubeconfig', kubeconfig, ...args]);
    try {
      await run(ours, ['version']);
    } catch {
      process.stderr.write('kubectl: there is none on this machine\n');
      return [];
    }
    for (const { args } of steps) await run(recorded, args);
    const rounds = new Map(steps.map(({ name }) => [name, [] as { ours: number; floor: number }[]]));
    for (let round = 0; round < PAIRS; round++) {
      workshop.signal.throwIfAborted();
      echo.rewind();
      for (const { name, args } of steps)
        rounds.get(name)?.push(
          ...(await pairs(
            1,
            () => timed(() => run(ours, args)),
            () => timed(() => run(floor, args)),
          )),
        );
    }
    return steps.map(({ name }): Figure => ({
      name: `kubectl/${name}`,
      ...summary(rounds.get(name) ?? []),
      unit: 'ms',
      note: name === 'get' ? `${OBJECTS} instances` : `${OBJECTS} objects`,
    }));
  },
};

interface Recorded {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

/** Passes requests on and remembers the answers; or gives them back, each in its turn. */
class Echo {
  readonly #daemon: TestDaemon;
  readonly #recorded = new Map<string, Recorded[]>();
  readonly #turn = new Map<string, number>();
  #ports: { recording: number; echo: number } = { recording: 0, echo: 0 };

  private constructor(daemon: TestDaemon) {
    this.#daemon = daemon;
  }

  static async start(workshop: Workshop, daemon: TestDaemon): Promise<Echo> {
    const pem = await readFile(join(daemon.dataDir, 'tls', 'server.pem'));
    const echo = new Echo(daemon);
    const serve = async (handle: (request: IncomingMessage, body: Buffer) => Promise<Recorded>) => {
      const server = createServer({ key: pem, cert: pem }, (request, response) => {
        void buffer(request).then(async (body) => reply(response, await handle(request, body)));
      });
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      workshop.atEnd(() => void server.close());
      return (server.address() as AddressInfo).port;
    };
    echo.#ports = {
      recording: await serve((request, body) => echo.#pass(request, body)),
      echo: await serve((request) => Promise.resolve(echo.#again(request))),
    };
    return echo;
  }

  rewind(): void {
    this.#turn.clear();
  }

  kubeconfig(workshop: Workshop): Promise<string> {
    return this.#at(workshop, 'echo');
  }

  recordingKubeconfig(workshop: Workshop): Promise<string> {
    return this.#at(workshop, 'recording');
  }

  async #at(workshop: Workshop, which: 'echo' | 'recording'): Promise<string> {
    const text = await readFile(this.#daemon.kubeconfigPath, 'utf8');
    const path = join(workshop.folder, `${which}.kubeconfig`);
    await writeFile(path, text.replace(this.#daemon.url, `https://127.0.0.1:${this.#ports[which]}`), { mode: 0o600 });
    return path;
  }

  async #pass(request: IncomingMessage, body: Buffer): Promise<Recorded> {
    const { ca, url } = this.#daemon;
    const { host: _, ...headers } = request.headers;
    const sent = httpsRequest(`${url}${request.url ?? ''}`, { method: request.method, headers, ca });
    sent.end(body);
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    const { statusCode: status = 0 } = response;
    const recorded = { status, headers: response.headers, body: await buffer(response) };
    const key = keyOf(request);
    this.#recorded.set(key, [...(this.#recorded.get(key) ?? []), recorded]);
    return recorded;
  }

  #again(request: IncomingMessage): Recorded {
    const key = keyOf(request);
    const all = this.#recorded.get(key) ?? [];
    const turn = this.#turn.get(key) ?? 0;
    this.#turn.set(key, turn + 1);
    return all[Math.min(turn, all.length - 1)] ?? { status: 404, headers: {}, body: Buffer.alloc(0) };
  }
}

const keyOf = ({ method, url }: IncomingMessage): string => `${method} ${url}`;

function reply(response: ServerResponse, { status, headers, body }: Recorded): void {
  const { 'transfer-encoding': _, connection: __, ...rest } = headers;
  response.writeHead(status, { ...rest, 'content-length': body.length }).end(body);
}
