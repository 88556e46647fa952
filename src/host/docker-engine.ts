import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { join } from 'node:path';
import { codeOf, messageOf } from '../base/errors.ts';

/** Where the Engine listens when `DOCKER_HOST` does not say otherwise. */
export const DEFAULT_DOCKER_HOST = 'unix:///var/run/docker.sock';

/** How long a ping may take, in milliseconds: an Engine on this machine answers in one. */
const PING_TIMEOUT_MS = 2_000;

/** What the Engine says of itself, or why it does not. */
export type Ping = { ok: true; apiVersion: string } | { ok: false; code: string; message: string };

/** The Engine's address: `unix:///path`, `tcp://host:port`, `http(s)://…` or `ssh://…`. */
export const dockerHost = (env: NodeJS.ProcessEnv = process.env): string => env['DOCKER_HOST'] || DEFAULT_DOCKER_HOST;

/**
 * Asks the Engine at `host` whether it is there. Never throws, and answers within `timeoutMs` whatever the other side
 * does. `code` is the system's (`ENOENT`, `EACCES`, `ECONNREFUSED`), `HTTP` for an answer that is not an Engine's.
 */
export async function pingEngine(host: string, timeoutMs = PING_TIMEOUT_MS, env = process.env): Promise<Ping> {
  try {
    return host.startsWith('ssh://') ? await pingBySsh(host, timeoutMs) : await pingByHttp(host, timeoutMs, env);
  } catch (error) {
    return { ok: false, code: codeOf(error) ?? 'UNKNOWN', message: messageOf(error) };
  }
}

function pingByHttp(host: string, timeoutMs: number, env: NodeJS.ProcessEnv): Promise<Ping> {
  const { secure, options } = requestOptions(host, env);
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(timeoutMs);
    const request = (secure ? https : http).request(
      { ...options, path: '/_ping', signal, agent: false },
      (response) => {
        response.resume();
        const apiVersion = response.headers['api-version'];
        if (response.statusCode === 200 && typeof apiVersion === 'string') return resolve({ ok: true, apiVersion });
        resolve({
          ok: false,
          code: 'HTTP',
          message: `${host} answered ${response.statusCode} and is no Docker Engine`,
        });
      },
    );
    request.once('error', (error) => {
      reject(signal.aborted ? Object.assign(new Error(`no answer in ${timeoutMs} ms`), { code: 'ETIMEDOUT' }) : error);
    });
    request.end();
  });
}

/** As Docker's own clients read it: TLS by `DOCKER_TLS_VERIFY` or https, with the PEM files of `DOCKER_CERT_PATH`. */
function requestOptions(host: string, env: NodeJS.ProcessEnv): { secure: boolean; options: https.RequestOptions } {
  if (host.startsWith('unix://')) return { secure: false, options: { socketPath: host.slice('unix://'.length) } };
  if (!/^(tcp|https?):\/\//.test(host))
    throw new Error(`DOCKER_HOST=${host} is not unix://, tcp://, http(s):// or ssh://`);
  const url = new URL(host.replace(/^tcp:/, 'http:'));
  const secure = host.startsWith('https:') || !!env['DOCKER_TLS_VERIFY'];
  const options = { host: url.hostname.replace(/^\[|\]$/g, ''), port: url.port || (secure ? 2376 : 2375) };
  const folder = env['DOCKER_CERT_PATH'];
  if (!secure || !folder) return { secure, options };
  const pem = (name: string) => readFileSync(join(folder, `${name}.pem`));
  return { secure, options: { ...options, ca: pem('ca'), cert: pem('cert'), key: pem('key') } };
}

/** Through dockerode, which is slow to load and so loaded only here. It can hang for ever: raced against the deadline. */
async function pingBySsh(host: string, timeoutMs: number): Promise<Ping> {
  const { default: Docker } = await import('dockerode');
  const url = new URL(host);
  const engine = new Docker({
    protocol: 'ssh',
    host: url.hostname,
    username: url.username,
    ...(url.port && { port: Number(url.port) }),
    sshOptions: { agentForward: false, agent: process.env['SSH_AUTH_SOCK'] },
  });
  const late = new Promise<Ping>((resolve) =>
    setTimeout(resolve, timeoutMs, { ok: false, code: 'ETIMEDOUT', message: `no answer in ${timeoutMs} ms` }).unref(),
  );
  const answer = engine.version().then((v): Ping => ({ ok: true, apiVersion: v.ApiVersion }));
  return Promise.race([answer, late]);
}
