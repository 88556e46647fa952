import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import type { KindRegistry } from '../api/registry.ts';
import { STATUS_REASONS, StatusError } from '../base/errors.ts';
import type { Cause, StatusReason } from '../base/errors.ts';
import { unreachable } from './failure.ts';
import { Https, textOf } from './https.ts';
import type { Trust } from './https.ts';
import type { Connection } from './kubeconfig.ts';
import { pause } from './pause.ts';

export type Method = 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
export type Query = Record<string, string | number | boolean | undefined>;

export interface Call {
  query?: Query | undefined;
  body?: unknown;
  contentType?: string | undefined;
  accept?: string | undefined;
  signal?: AbortSignal | undefined;
}

export interface Answer<T> {
  status: number;
  body: T;
}

export interface ClientOptions {
  /** For the head of an answer, and for each piece of its body, in milliseconds; 0: no limit. */
  requestTimeoutMs?: number | undefined;
  /** What the server says beside the answer (a `Warning` header). */
  onWarning?: (text: string) => void;
}

export const TABLE = 'application/json;as=Table;v=v1;g=meta.k8s.io, application/json';
export const MERGE_PATCH = 'application/merge-patch+json';
export const APPLY_PATCH = 'application/apply-patch+yaml';

const REQUEST_TIMEOUT_MS = 30_000;
/** A refusal with Retry-After is tried again so often, waiting no longer than this each time. */
const RETRIES = 5;
const LONGEST_RETRY_MS = 10_000;

/** The API over https: keeps connections, sends the key, and turns refusals into StatusErrors and failed connections into Unreachable. */
export class ApiClient {
  readonly connection: Connection;
  readonly kinds: KindRegistry;
  readonly #https: Https;
  readonly #timeout: number;
  readonly #onWarning: (text: string) => void;

  constructor(connection: Connection, kinds: KindRegistry, options: ClientOptions = {}) {
    this.connection = connection;
    this.kinds = kinds;
    this.#timeout = options.requestTimeoutMs ?? REQUEST_TIMEOUT_MS;
    this.#onWarning = options.onWarning ?? (() => {});
    this.#https = new Https(this.trust());
  }

  /** How the server's certificate is checked; for the WebSocket of `exec` too. */
  trust(): Trust {
    const { ca, serverName, insecure } = this.connection;
    return {
      ...(ca === undefined ? {} : { ca }),
      ...(serverName === undefined ? {} : { servername: serverName }),
      ...(insecure ? { rejectUnauthorized: false } : {}),
    };
  }

  headers(): Record<string, string> {
    const { token } = this.connection;
    return { 'user-agent': 'miniaws', ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) };
  }

  async get<T>(path: string, call: Call = {}): Promise<T> {
    return (await this.send<T>('GET', path, call)).body;
  }

  async send<T>(method: Method, path: string, call: Call = {}): Promise<Answer<T>> {
    const response = await this.#open(method, path, call, this.#timeout);
    const text = await this.#read(response);
    return { status: statusOf(response), body: (text === '' ? undefined : JSON.parse(text)) as T };
  }

  /** An answer that goes on: a watch, or an instance's log. `idleMs`: how long nothing may come; 0: no limit. */
  async stream(path: string, call: Call & { idleMs?: number } = {}): Promise<Readable> {
    return this.#open('GET', path, call, call.idleMs ?? 0);
  }

  /** Ends everything that is under way. */
  close(): void {
    this.#https.close();
  }

  async #open(method: Method, path: string, call: Call, bodyTimeoutMs: number): Promise<IncomingMessage> {
    for (let attempt = 0; ; attempt++) {
      const response = await this.#once(method, path, call, bodyTimeoutMs, attempt);
      if (response === undefined) continue;
      for (const warning of warningsOf(response)) this.#onWarning(warning);
      if (statusOf(response) < 400) return response;
      const error = refusalOf(statusOf(response), await this.#read(response));
      const wait = retryAfter(response);
      if (wait === undefined || attempt >= RETRIES) throw error;
      await pause(wait, call.signal);
      if (call.signal?.aborted) throw error;
    }
  }

  /** `undefined`: the server closed a kept connection just as it was used again; a read is simply asked again. */
  async #once(
    method: Method,
    path: string,
    call: Call,
    bodyTimeoutMs: number,
    attempt: number,
  ): Promise<IncomingMessage | undefined> {
    try {
      return await this.#https.open(urlOf(this.connection.server, path, call.query), {
        method,
        headers: {
          ...this.headers(),
          accept: call.accept ?? 'application/json',
          ...(call.body === undefined ? {} : { 'content-type': call.contentType ?? 'application/json' }),
        },
        body: call.body === undefined ? undefined : JSON.stringify(call.body),
        headTimeoutMs: this.#timeout,
        bodyTimeoutMs,
        signal: call.signal,
      });
    } catch (error) {
      if (call.signal?.aborted) throw error;
      if (method === 'GET' && attempt === 0 && isStaleConnection(error)) return undefined;
      throw unreachable(this.connection.server, error);
    }
  }

  async #read(response: IncomingMessage): Promise<string> {
    try {
      return await textOf(response);
    } catch (error) {
      throw unreachable(this.connection.server, error);
    }
  }
}

const statusOf = ({ statusCode = 0 }: IncomingMessage): number => statusCode;

const isStaleConnection = (error: unknown): boolean =>
  ['ECONNRESET', 'EPIPE'].includes((error as { code?: string }).code ?? '');

function urlOf(server: string, path: string, query: Query = {}): string {
  const search = new URLSearchParams();
  for (const [key, value] of Object.entries(query)) if (value !== undefined) search.set(key, String(value));
  return `${server}${path}${search.size > 0 ? `?${search.toString()}` : ''}`;
}

interface StatusBody {
  message?: string;
  reason?: string;
  details?: { name?: string; kind?: string; group?: string; causes?: Cause[] };
}

/** A refusal as the server's code throws it, so that both sides speak of the same thing. */
function refusalOf(code: number, text: string): StatusError {
  const body = statusBody(text);
  const byCode = (Object.keys(STATUS_REASONS) as StatusReason[]).find((reason) => STATUS_REASONS[reason] === code);
  const known = body?.reason !== undefined && Object.hasOwn(STATUS_REASONS, body.reason);
  const reason = known ? (body.reason as StatusReason) : (byCode ?? (code < 500 ? 'BadRequest' : 'InternalError'));
  const { causes = [], ...details } = body?.details ?? {};
  const message = body?.message ?? `the server answered ${code}${text ? `: ${text.slice(0, 200)}` : ''}`;
  return new StatusError(reason, message, { causes, details });
}

export function statusBody(text: string): StatusBody | undefined {
  try {
    const value = JSON.parse(text) as { kind?: unknown } | null;
    return value?.kind === 'Status' ? (value as StatusBody) : undefined;
  } catch {
    return undefined;
  }
}

/** Milliseconds that the server asks to wait before the same request may succeed. */
function retryAfter(response: IncomingMessage): number | undefined {
  const seconds = Number(response.headers['retry-after']);
  if (![429, 503].includes(statusOf(response)) || !(seconds >= 0)) return undefined;
  return Math.min(seconds * 1000, LONGEST_RETRY_MS);
}

function warningsOf({ headers }: IncomingMessage): string[] {
  const said = headers['warning'] ?? '';
  return [...said.matchAll(/299 \S+ ("(?:[^"\\]|\\.)*")/g)].map((m) => unquote(m[1] ?? '""'));
}

/** A quoted string, or in it an encoded word (RFC 2047) of text beyond ASCII. */
function unquote(text: string): string {
  const plain = text.slice(1, -1).replaceAll(/\\(.)/g, '$1');
  const [, base64] = /^=\?utf-8\?B\?([A-Za-z0-9+/=]*)\?=$/i.exec(plain) ?? [];
  return base64 === undefined ? plain : Buffer.from(base64, 'base64').toString('utf8');
}
