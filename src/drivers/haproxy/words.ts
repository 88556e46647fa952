import { isIPv4 } from 'node:net';
import { parseCidr } from '../../base/cidr.ts';
import { PassError } from '../../base/errors.ts';

/**
 * Values as words of HAProxy's configuration and commands. Admission has bounded them all; what comes through here
 * cannot end its word or its line whatever it is: what would is `Refused`.
 */

/** Of a proxy, a server or a cookie; longer ones HAProxy cuts off or refuses. */
export function nameWord(name: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/.test(name)) throw refused('a name', name);
  return name;
}

export function addressWord(address: string): string {
  if (!isIPv4(address)) throw refused('an IPv4 address', address);
  return address;
}

export function cidrWord(cidr: string): string {
  if (!parseCidr(cidr)) throw refused('an IPv4 range', cidr);
  return cidr;
}

export function portWord(port: number): string {
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw refused('a port', String(port));
  return String(port);
}

/** HAProxy's timers are 31 bits of milliseconds, and 0 means none. */
export function durationWord(ms: number): string {
  if (!Number.isInteger(ms) || ms < 1 || ms > 2 ** 31 - 1) throw refused('a duration in milliseconds', String(ms));
  return `${ms}ms`;
}

export function countWord(count: number): string {
  if (!Number.isSafeInteger(count) || count < 1) throw refused('a count', String(count));
  return String(count);
}

/** Any text without control characters, as one word: between single quotes, HAProxy reads nothing into it. */
export function quotedWord(text: string): string {
  // oxlint-disable-next-line no-control-regex -- they are what must not get through
  if (/[\u0000-\u001f\u007f-\u009f\u2028\u2029]/.test(text)) throw refused('text without control characters', text);
  return `'${text.replaceAll("'", `'\\''`)}'`;
}

export const refused = (wanted: string, got: string): PassError =>
  new PassError('Refused', `a proxy's configuration wants ${wanted}, not ${JSON.stringify(got)}`);
