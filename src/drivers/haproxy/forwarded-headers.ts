import { cidrWord, portWord } from './words.ts';

/** Of lines of one trusted peer's X-Forwarded-For, the newest so many are kept: proxies that add a line make two. */
const MOST_LINES = 8;

/** Servers that fold `-` and `_` together (CGI, WSGI) would read these as the headers that are set here. */
const LOOK_ALIKES = '^x(_forwarded[-_]|-forwarded_)(for|proto|port|host)$';

/**
 * What tells a server of the client: it may trust it, since nothing that a client sent gets through in its place. A
 * trusted peer is a proxy in front of this one: what it says of its own client holds, and its address is appended.
 */
export function forwardedHeaders(port: number, trustedProxies: readonly string[]): readonly string[] {
  return [
    `  http-request del-header ${LOOK_ALIKES} -m reg`,
    ...(trustedProxies.length === 0 ? [] : [`  acl from-trusted src ${trustedProxies.map(cidrWord).join(' ')}`]),
    ...forwardedFor(trustedProxies.length > 0),
    ...['Proto http', `Port ${portWord(port)}`, 'Host %[req.hdr(host)]'].map((words) => {
      const [name] = words.split(' ');
      const unless =
        trustedProxies.length === 0 ? '' : ` unless from-trusted { req.fhdr_cnt(X-Forwarded-${name}) gt 0 }`;
      return `  http-request set-header X-Forwarded-${words}${unless}`;
    }),
  ];
}

/** One line, whatever came: from the last to the first, so that what is too much is the oldest. */
const forwardedFor = (trustsSome: boolean): readonly string[] =>
  trustsSome
    ? [
        '  http-request set-var-fmt(txn.forwarded) %[src]',
        ...Array.from({ length: MOST_LINES }, (_, at) => at + 1).map(
          (line) =>
            `  http-request set-var-fmt(txn.forwarded) "%[req.fhdr(X-Forwarded-For,-${line})], %[var(txn.forwarded)]" if from-trusted { req.fhdr_cnt(X-Forwarded-For) ge ${line} }`,
        ),
        '  http-request set-header X-Forwarded-For %[var(txn.forwarded)]',
      ]
    : ['  http-request set-header X-Forwarded-For %[src]'];
