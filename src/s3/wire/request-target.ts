import { S3Error } from './errors.ts';

/** The path and the parameters of a request, as they came: percent-encoded, and nothing normalised. */
export interface RequestTarget {
  path: string;
  query: readonly QueryParameter[];
}
export interface QueryParameter {
  name: string;
  value: string;
}

/** Splits what stands in the request's line; a proxy's form, with a host before the path, is read, too. */
export function requestTarget(rawUrl: string): RequestTarget {
  const origin = /^[a-z]{1,8}:\/\/[^/?]{0,512}/i.exec(rawUrl)?.[0] ?? '';
  const target = rawUrl.slice(origin.length);
  const mark = target.indexOf('?');
  const path = mark === -1 ? target : target.slice(0, mark);
  const query = mark === -1 ? [] : target.slice(mark + 1).split('&');
  return {
    path: path === '' ? '/' : path,
    query: query
      .filter((parameter) => parameter !== '')
      .map((parameter) => {
        const equals = parameter.indexOf('=');
        if (equals === -1) return { name: parameter, value: '' };
        return { name: parameter.slice(0, equals), value: parameter.slice(equals + 1) };
      }),
  };
}

/** Decoded parameters; of one that is there twice, the first. A plus stands for a space. */
export function decodedQuery(query: readonly QueryParameter[]): ReadonlyMap<string, string> {
  const decoded = new Map<string, string>();
  for (const { name, value } of query) {
    const key = decodedText(withSpaces(name));
    if (!decoded.has(key)) decoded.set(key, decodedText(withSpaces(value)));
  }
  return decoded;
}

/** InvalidURI where the text is not UTF-8, percent-encoded: no key could be told from it. */
export function decodedText(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (error) {
    throw new S3Error('InvalidURI', { cause: error });
  }
}

const withSpaces = (text: string): string => text.replaceAll('+', ' ');

/**
 * S3's rule, which is not that of other services: each character of the path encoded exactly once, whether the client
 * did it or not, and no segment taken away. So `..`, `//` and `%2F` stay what they are.
 */
export const canonicalPath = (path: string): string => encodedOnce(path, '/');

/** Parameters in the order of their encoded names, then values. */
export const canonicalQuery = (query: readonly QueryParameter[]): string =>
  query
    .map(({ name, value }) => [encodedOnce(withSpaces(name), ''), encodedOnce(withSpaces(value), '')] as const)
    .sort(([a, x], [b, y]) => compare(a, b) || compare(x, y))
    .map(([name, value]) => `${name}=${value}`)
    .join('&');

const compare = (a: string, b: string): number => (a < b ? -1 : Number(a > b));

/** A byte of a request's line is one character here: Node reads it as Latin-1. What RFC 3986 calls unreserved stays. */
const encodedOnce = (text: string, kept: string): string =>
  text.replace(/%[0-9A-Fa-f]{2}|[^A-Za-z0-9._~-]/g, (token) => {
    if (token === kept) return token;
    const byte = token.length === 3 ? Number.parseInt(token.slice(1), 16) : token.charCodeAt(0);
    const character = String.fromCharCode(byte);
    return /[A-Za-z0-9._~-]/.test(character) ? character : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  });
