/** Characters of one warning, and of all of one answer, as Kubernetes': a client takes 16 KB of headers at most. */
const LONGEST = 256;
const MOST = 4_096;

/**
 * The values of an answer's Warning headers: `299 - "text"`. Text beyond printable ASCII is an encoded word (RFC 2047),
 * which is how client-go reads it. Never throws: what it tells of is done.
 */
export function warningHeaders(warnings: readonly string[]): string[] {
  const headers: string[] = [];
  let left = MOST;
  for (const warning of warnings) {
    const header = `299 - "${worded(shortened(warning))}"`;
    left -= header.length;
    if (left < 0) break;
    headers.push(header);
  }
  return headers;
}

/** Half of a pair of surrogates becomes the character for what is none. */
const shortened = (text: string): string => (text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text);

const worded = (text: string): string =>
  /^[\x20-\x7e]*$/.test(text) && !text.includes('=?')
    ? text.replaceAll(/[\\"]/g, '\\$&')
    : `=?utf-8?B?${Buffer.from(text).toString('base64')}?=`;
