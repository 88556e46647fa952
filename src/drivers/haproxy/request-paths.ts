import { normalisedPath } from '../../base/url-path.ts';
import { quotedWord, refused } from './words.ts';

/** So many `..` one below the other are followed; a path with more is refused. No client sends one. */
const MOST_ASCENTS = 4;
/** A variable. Every segment ends with a slash, the last one too, so that `/api` is `/api/v1`'s prefix and not `/apis`'s. */
const NORMALISED = 'txn.path';
/** What may make a path another than it looks. All others are compared as they came, at no cost. */
const UNUSUAL = '{ path -m sub // /. % }';

const SLASHES = 'regsub(//+,/,g)';
const DOTS = 'regsub("(/[.])+/",/,g)';
/** At the root, `..` leads nowhere; elsewhere it takes away the segment before it, one that is no `..` itself. */
const ROOT_ASCENT = 'regsub("^(/[.][.])+/",/)';
const ASCENT = `${ROOT_ASCENT},regsub("/([^/.][^/]*|[.][^/.][^/]*|[.][.][^/]+)/[.][.]/",/)`;

/**
 * Rules are matched with a copy of the path: percent-decoded, with single slashes, without `.` and `..`, as servers
 * read it, so that nobody gets by a rule by writing a path in another way. The request goes on as it came. HAProxy's own
 * `normalize-uri` is experimental, and would change the request: an object's key may well have two slashes.
 */
export const normalisePaths = (): readonly string[] => {
  const steps = [SLASHES, DOTS, ...Array.from({ length: MOST_ASCENTS }, () => ASCENT), ROOT_ASCENT].join(',');
  return [
    `  http-request set-var(${NORMALISED}) path,concat(/) unless ${UNUSUAL}`,
    `  http-request set-var(${NORMALISED}) 'path,url_dec,concat(/),${steps}' if ${UNUSUAL}`,
    `  http-request deny deny_status 400 if ${UNUSUAL} !{ var(${NORMALISED}) -m found }`,
    `  http-request deny deny_status 400 if { path -m sub %00 } or { var(${NORMALISED}) -m sub /../ }`,
  ];
};

/** Whole segments: `/api` is `/api` and `/api/v1`, not `/apis`. Empty: every path. */
export function pathCondition(pathPrefix: string): string {
  const segments = normalisedPath(pathPrefix);
  if (segments === undefined) throw refused('a path that can be percent-decoded', pathPrefix);
  return segments ? `{ var(${NORMALISED}) -m beg -- ${quotedWord(`${segments}/`)} }` : '';
}
