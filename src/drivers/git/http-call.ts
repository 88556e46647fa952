import { request as requestHttp, type IncomingMessage } from 'node:http';
import { request as requestHttps } from 'node:https';
import { codeOf, messageOf } from '../../base/errors.ts';

/** Of a body: a code forge explains a refusal in a sentence. */
const MOST_BYTES = 16 * 1024;

export interface HttpCall {
  method: 'GET' | 'POST';
  headers?: Readonly<Record<string, string>>;
  body?: string;
  /** PEM: the authorities that are trusted instead of the system's. */
  ca?: string | undefined;
  signal?: AbortSignal;
  /** Milliseconds until the answer is over. */
  withinMs: number;
}

export interface HttpAnswer {
  status: number;
  location?: string | undefined;
  /** The beginning of the body. */
  text: string;
}

/** One request on a connection of its own. A redirect is an answer: it is not followed. */
export function callHttp(url: string, call: HttpCall): Promise<HttpAnswer> {
  const { method, headers, body, ca } = call;
  const deadline = AbortSignal.timeout(call.withinMs);
  const signal = call.signal ? AbortSignal.any([call.signal, deadline]) : deadline;
  const options = { method, headers, signal, agent: false };
  return new Promise((resolve, reject) => {
    const failed = (error: unknown) =>
      reject(deadline.aborted ? new Error(`no answer within ${call.withinMs / 1000} s`) : error);
    const asked = url.startsWith('https:')
      ? requestHttps(url, { ...options, ...(ca !== undefined && { ca }) })
      : requestHttp(url, options);
    asked.once('error', failed).once('response', (response) => {
      beginningOf(response).then(
        (text) => resolve({ status: response.statusCode ?? 0, location: response.headers.location, text }),
        failed,
      );
    });
    asked.end(body);
  });
}

async function beginningOf(response: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    length += chunk.length;
    // Leaving the loop closes the connection.
    if (length >= MOST_BYTES) break;
  }
  return Buffer.concat(chunks).toString('utf8', 0, MOST_BYTES);
}

/** What became of a message that was sent to another server. */
export type Delivery = { delivered: true } | { delivered: false; retry: boolean; message: string };

/**
 * Sends JSON. Never throws: what went wrong is told, and whether it is worth another try. Nothing of the url but its
 * host is in the message, since such urls hold tokens.
 */
export async function deliver(
  url: string,
  json: unknown,
  call: Pick<HttpCall, 'headers' | 'ca' | 'signal' | 'withinMs'>,
  explanationOf: (answer: HttpAnswer) => string = () => '',
): Promise<Delivery> {
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    return { delivered: false, retry: false, message: 'the url is none of http or https: correct it' };
  const { host } = new URL(url);
  const body = JSON.stringify(json);
  const headers = {
    'Content-Type': 'application/json',
    'Content-Length': String(Buffer.byteLength(body)),
    'User-Agent': 'miniaws',
    ...call.headers,
  };
  try {
    const answer = await callHttp(url, { ...call, method: 'POST', headers, body });
    if (answer.status >= 200 && answer.status < 300) return { delivered: true };
    const retry = answer.status >= 500 || answer.status === 429 || answer.status === 408;
    return { delivered: false, retry, message: `${host}: ${meaningOf(answer)}${explanationOf(answer)}` };
  } catch (error) {
    return {
      delivered: false,
      retry: true,
      message: `${host} cannot be reached: ${codeOf(error) ?? messageOf(error)}`,
    };
  }
}

function meaningOf({ status }: HttpAnswer): string {
  if (status === 401 || status === 403) return `it refuses the token (${status}): give one that may do this`;
  if (status === 404) return 'it knows nothing at this url (404): correct the url, or give a token that may see it';
  if (status >= 300 && status < 400) return `it answers elsewhere (${status}): write the url that it leads to`;
  if (status >= 500 || status === 429) return `it fails (${status}): it is tried again`;
  return `it refuses the message (${status})`;
}
