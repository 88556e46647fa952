import { readFileSync } from 'node:fs';
import { endianness, networkInterfaces } from 'node:os';
import { formatCidr, parseCidr } from '../../base/cidr.ts';
import type { HostRange } from '../compute.ts';

/** A route wider than this is a default route, or a half of one as VPNs set it: no range that the machine is on. */
const WIDEST = 8;
const GATEWAY_FLAG = 0x2;

/**
 * The IPv4 ranges that this machine itself is on, but for loopback: a network laid over one would cut it off. They are
 * the kernel's routes without a gateway, and so those of a bridge without ports are among them. Where there is no such
 * list, the addresses of the interfaces tell.
 */
export function hostRanges(): readonly HostRange[] {
  const table = readRoutes();
  return table === undefined ? addressRanges() : parseRoutes(table);
}

function readRoutes(): string | undefined {
  try {
    return readFileSync('/proc/net/route', 'utf8');
  } catch {
    return undefined;
  }
}

/** The text of `/proc/net/route`: its addresses are hexadecimal, in the machine's order of bytes. */
export function parseRoutes(table: string): readonly HostRange[] {
  return table
    .split('\n')
    .slice(1)
    .flatMap((line) => {
      const [name, destination, , flags, , , , mask] = line.trim().split(/\s+/);
      if (name === undefined || name === 'lo' || destination === undefined || mask === undefined) return [];
      if ((Number.parseInt(flags ?? '0', 16) & GATEWAY_FLAG) !== 0) return [];
      const prefix = bytesOf(mask).reduce((bits, byte) => bits + byte.toString(2).replaceAll('0', '').length, 0);
      return prefix < WIDEST ? [] : [{ interface: name, cidrBlock: `${bytesOf(destination).join('.')}/${prefix}` }];
    });
}

function bytesOf(hexadecimal: string): readonly number[] {
  const bytes = [...Buffer.from(hexadecimal.padStart(8, '0'), 'hex')];
  return endianness() === 'LE' ? bytes.toReversed() : bytes;
}

const addressRanges = (): readonly HostRange[] =>
  Object.entries(networkInterfaces()).flatMap(([name, addresses = []]) =>
    addresses.flatMap(({ family, internal, cidr }) => {
      const range = family === 'IPv4' && !internal ? parseCidr(cidr ?? '') : undefined;
      return range ? [{ interface: name, cidrBlock: formatCidr(range) }] : [];
    }),
  );
