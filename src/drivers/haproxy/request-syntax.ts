import { quotedWord } from './words.ts';

/** What no header's name may have in it; a colon is between two. */
const NO_TOKEN = quotedWord("[^!#$%&'*+.^_`|~0-9A-Za-z:-]");
const ABSOLUTE = '{ url -m reg ^[A-Za-z][A-Za-z0-9+.-]*:// }';
const AUTHORITY = 'txn.authority';

/**
 * Raw UTF-8 in a path is against the standard, but clients send it, and ALB, nginx and servers take it. The one option of
 * 2.6 that lets it through lets more through, which must not pass: a header `Transfer-Encoding : chunked` is none to HAProxy
 * and may be one to a server, which would then see other requests than HAProxy does. So what the option opens beside the
 * path is refused here, with the same 400; all but a request line without a version of HTTP, which no server mistakes.
 */
export const ACCEPT_RAW_PATHS = '  option accept-invalid-http-request';

const refuse = (condition: string): string => `  http-request deny deny_status 400 if ${condition}`;

export const refuseInvalid = (): readonly string[] => [
  refuse(`{ req.hdr_names(:) -m reg ${NO_TOKEN} }`),
  refuse("{ url -m sub '#' }"),
  refuse(`!{ url -m beg / } !{ url -m str * } !{ method CONNECT } !${ABSOLUTE}`),
  // A request that names two hosts would be routed by the one and served as the other.
  `  http-request set-var(${AUTHORITY}) url,field(3,/),lower if ${ABSOLUTE}`,
  `  http-request set-var(${AUTHORITY}) url,lower if { method CONNECT }`,
  refuse(
    `{ var(${AUTHORITY}) -m found } { req.hdr(host) -m found } !{ req.hdr(host),lower,strcmp(${AUTHORITY}) eq 0 }`,
  ),
];
