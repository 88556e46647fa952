import { readFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { join } from 'node:path';
import { inspect } from 'node:util';
import Docker from 'dockerode';
import { endAtDeadline } from './deadline.ts';

/** The newest API whose behaviour this driver was written for (Engine 27); an older Engine is spoken to in its own. */
const NEWEST_API = 1.47;
/** Milliseconds for an Engine on this machine to take a connection. */
const KNOCK_MS = 2_000;

/** One Engine's address, opened. `local`: it runs on this machine, so that its containers' addresses can be reached. */
export interface Connection {
  docker: Docker;
  local: boolean;
  host: string;
  /** Asks for the Engine's API version and speaks that from now on. Rejects when it is not there. May hang: race it. */
  ping(): Promise<void>;
  /**
   * Whether the Engine still lets newcomers in, by a connection of its own. One that shuts down closes its doors before
   * it stops its containers, and answers on the connections that it has until it is gone.
   */
  knock(): Promise<void>;
  /** Ends every call that waits for an answer. */
  cut(): void;
}

/** `host` is a value of `DOCKER_HOST`; without it, the default socket. Throws when it is none that Docker knows. */
export function connect(host: string | undefined, env: NodeJS.ProcessEnv = process.env): Connection {
  const address = host || 'unix:///var/run/docker.sock';
  const options = dockerOptions(address, env);
  const agent = plainAgent(options.protocol === 'https');
  // The agent is docker-modem's own option, which the types leave out; ssh brings an agent of its own.
  const docker = new Docker({ ...options, ...(options.protocol !== 'ssh' && { agent }) } as Docker.DockerOptions);
  return {
    docker,
    local: address.startsWith('unix://'),
    host: address,
    ping: () => negotiate(docker),
    knock: () => knock(options),
    cut: () => agent.destroy(),
  };
}

function knock({ socketPath, host, port, protocol }: Docker.DockerOptions): Promise<void> {
  if (protocol !== 'http') return Promise.resolve(); // through ssh and TLS the door is another's
  return new Promise((resolve, reject) => {
    const at = socketPath === undefined ? { host: String(host), port } : { socketPath };
    const request = http.get({ ...at, path: '/_ping', agent: false, timeout: KNOCK_MS }, (response) => {
      response.resume();
      resolve();
    });
    request.on('timeout', () => request.destroy(Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' })));
    request.on('error', reject);
  });
}

/** docker-modem prints its options at every request: an agent that is not opaque costs a hundred times the call. */
function plainAgent(secure: boolean): http.Agent {
  const agent = secure ? new https.Agent({ keepAlive: true }) : new http.Agent({ keepAlive: true });
  return Object.assign(endingBrokenAnswers(agent), { [inspect.custom]: () => 'Agent' });
}

/**
 * docker-modem waits for ever for the end of an answer that breaks off in the middle. It hears of the failure of a
 * request, and so the broken answer fails its request; of one whose answer it hands over as a stream, it hears no more.
 */
function endingBrokenAnswers<A extends http.Agent>(agent: A): A {
  const seam = agent as unknown as { addRequest: (request: http.ClientRequest, ...more: unknown[]) => void };
  const addRequest = seam.addRequest.bind(agent);
  const broken = () => Object.assign(new Error('the answer broke off'), { code: 'ECONNRESET' });
  seam.addRequest = (request, ...more) => {
    endAtDeadline(request);
    request.once('response', (response) => response.once('aborted', () => request.emit('error', broken())));
    addRequest(request, ...more);
  };
  return agent;
}

/** As Docker's own clients read it: TLS by https or `DOCKER_TLS_VERIFY`, with the PEM files of `DOCKER_CERT_PATH`. */
function dockerOptions(address: string, env: NodeJS.ProcessEnv): Docker.DockerOptions {
  if (address.startsWith('unix://')) return { socketPath: address.slice('unix://'.length), protocol: 'http' };
  if (!/^(tcp|https?|ssh):\/\//.test(address)) {
    throw new Error(`DOCKER_HOST=${address} is not unix://, tcp://, http(s):// or ssh://`);
  }
  if (address.startsWith('ssh:')) return sshOptions(new URL(address), env);
  const url = new URL(address.replace(/^tcp:/, 'http:'));
  const secure = url.protocol === 'https:' || Boolean(env['DOCKER_TLS_VERIFY']);
  return {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port || (secure ? 2376 : 2375),
    protocol: secure ? 'https' : 'http',
    ...(secure && env['DOCKER_CERT_PATH'] && pemFiles(env['DOCKER_CERT_PATH'])),
  };
}

const sshOptions = (url: URL, env: NodeJS.ProcessEnv): Docker.DockerOptions => ({
  protocol: 'ssh',
  host: url.hostname,
  username: url.username,
  ...(url.port && { port: url.port }),
  ...(env['SSH_AUTH_SOCK'] && { sshOptions: { agent: env['SSH_AUTH_SOCK'] } }),
});

function pemFiles(folder: string): Pick<Docker.DockerOptions, 'ca' | 'cert' | 'key'> {
  const pem = (name: string) => readFileSync(join(folder, `${name}.pem`));
  return { ca: pem('ca'), cert: pem('cert'), key: pem('key') };
}

/** dockerode negotiates nothing: an Engine is spoken to in the API version that its ping names. */
function negotiate(docker: Docker): Promise<void> {
  const modem = docker.modem as { version?: string; dial: Dial };
  return new Promise((resolve, reject) => {
    modem.dial({ path: '/_ping', method: 'GET', isStream: true, statusCodes: { 200: true } }, (error, response) => {
      if (error) return reject(error);
      response.resume();
      const version = Number(response.headers['api-version']);
      if (version) modem.version = `v${Math.min(version, NEWEST_API)}`;
      resolve();
    });
  });
}

export type Dial = (
  request: { path: string; method: string; isStream: boolean; statusCodes: object; options?: object },
  done: (error: Error | null, response: http.IncomingMessage) => void,
) => void;
