import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { TLSSocket } from 'node:tls';
import type { Asker } from '../buckets.ts';

/** A request, as far as conditions ask for it. */
export interface ConditionSource {
  raw: IncomingMessage;
  asker: Asker | undefined;
  cameAt: Asker['cameAt'];
  headers: IncomingHttpHeaders;
  query: ReadonlyMap<string, string>;
}

/** What a request has for the keys of policies' conditions, in small letters; what an object has is not here. */
export function policyValues(request: ConditionSource, key: string): readonly string[] | undefined {
  const [service = '', name = '', ...more] = key.split(/[:/]/);
  const found = service === 'aws' ? ofAws(request, name) : service === 's3' ? ofS3(request, name, more[0]) : undefined;
  return typeof found === 'string' ? [found] : found;
}

function ofAws({ raw, asker, cameAt, headers }: ConditionSource, name: string): string | undefined {
  switch (name) {
    case 'securetransport':
      return String('encrypted' in raw.socket);
    case 'sourceip':
      return raw.socket.remoteAddress;
    case 'useragent':
      return headers['user-agent'];
    case 'referer':
      return headers.referer;
    case 'currenttime':
      return cameAt.wall.toISOString();
    case 'epochtime':
      return String(Math.floor(cameAt.wall.getTime() / 1_000));
    case 'username':
    case 'userid':
      return asker?.credential.key;
    case 'principaltype':
      return asker ? 'User' : 'Anonymous';
    default:
      return undefined;
  }
}

/** Headers that begin with `x-amz-` are asked for by their names. */
function ofS3(
  request: ConditionSource,
  name: string,
  part: string | undefined,
): string | readonly string[] | undefined {
  const { query, asker, raw } = request;
  if (name.startsWith('x-amz-')) return request.headers[name]?.toString();
  if (name.startsWith('object-lock-')) return request.headers[`x-amz-${name}`]?.toString();
  switch (name) {
    case 'prefix':
    case 'delimiter':
    case 'max-keys':
      return query.get(name);
    case 'versionid':
      return query.get('versionId');
    case 'requestobjecttag':
      return tagsIn(request.headers).get(part ?? '');
    case 'requestobjecttagkeys': {
      const tags = [...tagsIn(request.headers).keys()];
      return tags.length > 0 ? tags : undefined;
    }
    case 'authtype':
      return authType(asker, query);
    case 'signatureversion':
      return asker && 'AWS4-HMAC-SHA256';
    case 'tlsversion':
      return 'encrypted' in raw.socket ? (raw.socket as TLSSocket).getProtocol()?.replace('TLSv', '') : undefined;
    default:
      return undefined;
  }
}

const authType = (asker: Asker | undefined, query: ReadonlyMap<string, string>): string | undefined =>
  asker && (query.has('X-Amz-Signature') ? 'REST-QUERY-STRING' : 'REST-HEADER');

const tagsIn = (headers: IncomingHttpHeaders): ReadonlyMap<string, string> =>
  new Map(
    [...new URLSearchParams(String(headers['x-amz-tagging'] ?? ''))].map(([tag, value]) => [tag.toLowerCase(), value]),
  );
