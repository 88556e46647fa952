import ipaddr from 'ipaddr.js';

/** An IPv4 range. `first` is the network's address as an unsigned 32-bit number, `size` the number of addresses. */
export interface Cidr {
  readonly first: number;
  readonly size: number;
  readonly prefix: number;
}

/** Dotted quads only: ipaddr.js also takes `10.1` and hexadecimal, which nobody means in a manifest. */
const DOTTED = /^\d{1,3}(\.\d{1,3}){3}$/;

export function parseAddress(text: string): number | undefined {
  if (!DOTTED.test(text) || !ipaddr.IPv4.isValidFourPartDecimal(text)) return undefined;
  return ipaddr.IPv4.parse(text).octets.reduce((sum, octet) => sum * 256 + octet, 0);
}

export function formatAddress(address: number): string {
  return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join('.');
}

/** Host bits are kept out of `first`; use `hasHostBits` to refuse them. `undefined` when it is no IPv4 range. */
export function parseCidr(text: string): Cidr | undefined {
  const [address = '', bits = '', more] = text.split('/');
  const value = parseAddress(address);
  const prefix = /^\d{1,2}$/.test(bits) ? Number(bits) : 33;
  if (value === undefined || prefix > 32 || more !== undefined) return undefined;
  const size = 2 ** (32 - prefix);
  return { first: value - (value % size), size, prefix };
}

export const hasHostBits = (text: string): boolean => {
  const cidr = parseCidr(text);
  return cidr !== undefined && parseAddress(text.split('/')[0] ?? '') !== cidr.first;
};

export const formatCidr = (cidr: Cidr): string => `${formatAddress(cidr.first)}/${cidr.prefix}`;

export const overlaps = (a: Cidr, b: Cidr): boolean => a.first < b.first + b.size && b.first < a.first + a.size;

export const contains = (cidr: Cidr, address: number): boolean =>
  address >= cidr.first && address < cidr.first + cidr.size;

/** The last block of the pool with this prefix that overlaps none of `taken`. */
export function lastFreeBlock(pool: Cidr, prefix: number, taken: readonly Cidr[]): Cidr | undefined {
  const size = 2 ** (32 - prefix);
  for (let first = pool.first + pool.size - size; first >= pool.first; first -= size) {
    const block = { first, size, prefix };
    if (!taken.some((other) => overlaps(block, other))) return block;
  }
  return undefined;
}

/** The first block of the pool with this prefix that overlaps none of `taken`. */
export function firstFreeBlock(pool: Cidr, prefix: number, taken: readonly Cidr[]): Cidr | undefined {
  const size = 2 ** (32 - prefix);
  for (let first = pool.first; first + size <= pool.first + pool.size; first += size) {
    const block = { first, size, prefix };
    if (!taken.some((other) => overlaps(block, other))) return block;
  }
  return undefined;
}
