import { spawn } from 'node:child_process';
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { basename, dirname } from 'node:path';

/** Serves one repository by git's own http-backend, and misbehaves as it is told to. */
export interface GitHttp {
  url: string;
  /** Who may read; everybody when it is undefined. */
  login: { username: string; password: string } | undefined;
  /** Answers a request in the backend's place when it returns true. */
  instead: (request: IncomingMessage, response: ServerResponse) => boolean;
  /** What the backend writes goes through it. */
  passing: (chunk: Buffer, response: ServerResponse) => Buffer;
  requests: { url: string; authorization: string | undefined }[];
  /** Bytes of bodies sent. */
  sent: number;
  close: () => Promise<void>;
}

/** `owner/name`, as forges have it: the folder that the repository is in, and its own. */
const placeOf = (repository: string): string => `${basename(dirname(repository))}/${basename(repository)}`;

export async function serveGit(repository: string, tls?: { cert: string; key: string }): Promise<GitHttp> {
  const listener: RequestListener = (request, response) => {
    http.requests.push({ url: request.url ?? '', authorization: request.headers.authorization });
    if (http.instead(request, response)) return;
    const expected = http.login && `Basic ${btoa(`${http.login.username}:${http.login.password}`)}`;
    if (expected !== undefined && request.headers.authorization !== expected)
      return void response.writeHead(401, { 'WWW-Authenticate': 'Basic realm="test"' }).end('Unauthorized');
    runBackend(http, repository, request, response);
  };
  const server = tls ? createHttpsServer(tls, listener) : createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const http: GitHttp = {
    url: `${tls ? 'https' : 'http'}://127.0.0.1:${(server.address() as AddressInfo).port}/${placeOf(repository)}`,
    login: undefined,
    instead: () => false,
    passing: (chunk) => chunk,
    requests: [],
    sent: 0,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
  return http;
}

/** The CGI protocol, as git-http-backend(1) needs it. */
function runBackend(http: GitHttp, repository: string, request: IncomingMessage, response: ServerResponse): void {
  const { pathname, search } = new URL(request.url ?? '/', 'http://server');
  const backend = spawn('git', ['http-backend'], {
    env: {
      PATH: process.env['PATH'] ?? '',
      HOME: '/nonexistent',
      GIT_PROJECT_ROOT: dirname(dirname(repository)),
      GIT_HTTP_EXPORT_ALL: '1',
      GIT_PROTOCOL: String(request.headers['git-protocol'] ?? ''),
      PATH_INFO: pathname,
      QUERY_STRING: search.slice(1),
      REQUEST_METHOD: request.method ?? 'GET',
      CONTENT_TYPE: request.headers['content-type'] ?? '',
      HTTP_CONTENT_ENCODING: request.headers['content-encoding'] ?? '',
    },
  });
  request.pipe(backend.stdin.on('error', () => undefined));
  let head: Buffer | undefined = Buffer.alloc(0);
  const send = (chunk: Buffer) => {
    const passed = http.passing(chunk, response);
    http.sent += passed.length;
    response.write(passed);
  };
  backend.stdout.on('data', (chunk: Buffer) => {
    if (head === undefined) return send(chunk);
    head = Buffer.concat([head, chunk]);
    const end = head.indexOf('\r\n\r\n');
    if (end < 0) return;
    const lines = head.toString('latin1', 0, end).split('\r\n');
    const headers = lines.map((line) => line.split(': ') as [string, string]);
    response.statusCode = Number(headers.find(([name]) => name === 'Status')?.[1].split(' ')[0] ?? 200);
    for (const [name, value] of headers) if (name !== 'Status') response.setHeader(name, value);
    const body = head.subarray(end + 4);
    head = undefined;
    if (body.length > 0) send(body);
  });
  backend.once('close', () => response.end());
  response.once('close', () => backend.kill());
}
