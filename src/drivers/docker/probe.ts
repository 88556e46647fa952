import http from 'node:http';
import { connect } from 'node:net';
import type { Socket } from 'node:net';
import { codeOf, messageOf, PassError } from '../../base/errors.ts';
import type { ProbeResult, ProbeTarget } from '../compute.ts';

/** One probe from this process to an address that it can reach. Always answers within `timeoutMs`. */
export function probeAddress(host: string, target: ProbeTarget, timeoutMs: number): Promise<ProbeResult> {
  return target.http ? probeHttp(host, target.port, target.http, timeoutMs) : probeTcp(host, target.port, timeoutMs);
}

/** Milliseconds for a container on this machine to take a connection. */
const DIAL_MS = 10_000;

/** Where a connection from here comes to: what listens on the container's own loopback is not reached. */
export function dialAddress(host: string, port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, allowHalfOpen: true });
    const fail = (detail: string) => {
      clearTimeout(timer);
      socket.destroy();
      reject(new PassError('Refused', `port ${port} at ${host}: ${detail}`));
    };
    const timer = setTimeout(fail, DIAL_MS, `no answer within ${DIAL_MS} ms`);
    const failing = (error: Error) => fail(failed(error).detail);
    socket.once('error', failing);
    socket.once('connect', () => {
      clearTimeout(timer);
      socket.off('error', failing);
      resolve(socket);
    });
  });
}

function probeTcp(host: string, port: number, timeoutMs: number): Promise<ProbeResult> {
  return new Promise((resolve) => {
    const socket = connect({ host, port });
    const end = (result: ProbeResult) => {
      clearTimeout(timer);
      socket.destroy();
      resolve(result);
    };
    const timer = setTimeout(end, timeoutMs, late(timeoutMs));
    socket.once('connect', () => end({ healthy: true, detail: 'accepts connections' }));
    socket.on('error', (error) => end(failed(error)));
  });
}

/** The status line decides: the body is never read. Redirects are not followed. */
function probeHttp(
  host: string,
  port: number,
  { path, expectedStatus }: NonNullable<ProbeTarget['http']>,
  timeoutMs: number,
): Promise<ProbeResult> {
  return new Promise((resolve) => {
    const headers = { 'User-Agent': 'miniaws-health-check', Connection: 'close' };
    const request = http.get({ host, port, path, headers, agent: false });
    const end = (result: ProbeResult) => {
      clearTimeout(timer);
      request.destroy();
      resolve(result);
    };
    const timer = setTimeout(end, timeoutMs, late(timeoutMs));
    request.once('response', ({ statusCode }) => {
      const healthy = statusCode === expectedStatus;
      end({ healthy, detail: `answered ${statusCode}${healthy ? '' : `, expected ${expectedStatus}`}` });
    });
    request.on('error', (error) => end(failed(error)));
  });
}

const late = (timeoutMs: number): ProbeResult => ({ healthy: false, detail: `no answer within ${timeoutMs} ms` });

const WORDS: Record<string, string> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'connection reset',
  EHOSTUNREACH: 'no route to the container',
};

const failed = (error: Error): ProbeResult => ({
  healthy: false,
  detail: WORDS[codeOf(error) ?? ''] ?? messageOf(error),
});
