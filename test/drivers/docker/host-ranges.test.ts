import { endianness } from 'node:os';
import { describe, expect, it } from 'vitest';
import { parseRoutes } from '../../../src/drivers/docker/host-ranges.ts';

const hexadecimal = (address: string) => {
  const bytes = Buffer.from(address.split('.').map(Number));
  return (endianness() === 'LE' ? bytes.reverse() : bytes).toString('hex').toUpperCase();
};
const route = (name: string, destination: string, gateway: string, flags: string, mask: string) =>
  [name, hexadecimal(destination), hexadecimal(gateway), flags, '0', '0', '0', hexadecimal(mask), '0', '0', '0'].join(
    '\t',
  );
const HEAD = 'Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT';

describe('the ranges that the host is on', () => {
  it.each<[string, string, string[]]>([
    ['an interface', route('eth0', '192.168.1.0', '0.0.0.0', '0001', '255.255.255.0'), ['eth0 192.168.1.0/24']],
    ['a narrow one', route('v', '10.203.1.128', '0.0.0.0', '0001', '255.255.255.240'), ['v 10.203.1.128/28']],
    ['a route to one host', route('wg0', '10.8.0.7', '0.0.0.0', '0005', '255.255.255.255'), ['wg0 10.8.0.7/32']],
    ['a default route', route('eth0', '0.0.0.0', '192.168.1.1', '0003', '0.0.0.0'), []],
    ['a default route without a gateway', route('ppp0', '0.0.0.0', '0.0.0.0', '0001', '0.0.0.0'), []],
    ['half a default route of a VPN', route('tun0', '128.0.0.0', '0.0.0.0', '0001', '128.0.0.0'), []],
    ['what is behind a gateway', route('eth0', '10.9.0.0', '192.168.1.1', '0003', '255.255.0.0'), []],
    ['loopback', route('lo', '127.0.0.0', '0.0.0.0', '0001', '255.0.0.0'), []],
  ])('%s', (_what, line, expected) => {
    const found = parseRoutes([HEAD, line, ''].join('\n'));
    expect(found.map((range) => `${range.interface} ${range.cidrBlock}`)).toEqual(expected);
  });
});
