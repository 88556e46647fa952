import { networkInterfaces } from 'node:os';
import { parseCidr, type Cidr } from '../../base/cidr.ts';

/** The IPv4 ranges that this machine itself is on, but for loopback: a network laid over one would cut it off. */
export const hostRanges = (): readonly Cidr[] =>
  Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter((address) => address.family === 'IPv4' && !address.internal)
    .flatMap((address) => (address.cidr ? (parseCidr(address.cidr) ?? []) : []));
