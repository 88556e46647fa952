import { BlockList, isIP } from 'node:net';

/** Whether it is an address, or a range in CIDR notation. */
export const isAddressRange = (text: string): boolean => rangeOf(text) !== undefined;

function rangeOf(text: string): { address: string; prefix: number; family: 'ipv4' | 'ipv6' } | undefined {
  const [address = '', length, ...more] = text.split('/');
  const version = isIP(address);
  const bits = version === 4 ? 32 : 128;
  if (version === 0 || more.length > 0 || (length !== undefined && !/^\d{1,3}$/.test(length))) return undefined;
  const prefix = length === undefined ? bits : Number(length);
  return prefix <= bits ? { address, prefix, family: version === 4 ? 'ipv4' : 'ipv6' } : undefined;
}

/** Whether a connection from the address is from one of the ranges. */
export function isWithin(address: string, ranges: readonly string[]): boolean {
  // A socket of both families has addresses of the old one in this form.
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '');
  const family = isIP(plain);
  if (family === 0) return false;
  const list = new BlockList();
  for (const range of ranges.flatMap((text) => rangeOf(text) ?? []))
    list.addSubnet(range.address, range.prefix, range.family);
  return list.check(plain, family === 4 ? 'ipv4' : 'ipv6');
}
