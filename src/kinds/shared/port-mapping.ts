import { parseAddress } from '../../base/cidr.ts';

type Protocol = 'tcp' | 'udp';

/** One published port. `hostPort` 0 asks the Engine for a free one, which status then reports. */
export interface PortMapping {
  /** Empty: every address of the host. */
  hostAddress: string;
  hostPort: number;
  containerPort: number;
  protocol: Protocol;
}

const FORM =
  /^(?:(?<address>\[[0-9a-fA-F:]+\]|[0-9.]*):)?(?:(?<host>\d{1,5}(?:-\d{1,5})?):)?(?<container>\d{1,5}(?:-\d{1,5})?)(?:\/(?<protocol>tcp|udp))?$/;
/** Ports of one range: the Engine runs a process for each. */
const LONGEST_RANGE = 100;

export const PORT_EXPECTED = `a port such as "8080:80", "80" (a free host port), "127.0.0.1:8080:80", "127.0.0.1:0:53/udp", or a range of as many ports on both sides, at most ${LONGEST_RANGE}: "7000-7003:7000-7003"`;

/** `[address:][hostPort:]containerPort[/protocol]`, as in Docker and Compose, each port perhaps a range; `undefined` when it is none. */
export function parsePorts(text: string): PortMapping[] | undefined {
  const groups = FORM.exec(readAsHostPort(text))?.groups;
  if (!groups) return undefined;
  const address = (groups['address'] ?? '').replace(/^\[|\]$/g, '');
  const containerPorts = rangeOf(groups['container'] ?? '');
  const hostPorts = groups['host'] === undefined ? containerPorts.map(() => 0) : rangeOf(groups['host']);
  const addressOk = address === '' || address.includes(':') || parseAddress(address) !== undefined;
  const portsOk =
    containerPorts.length > 0 &&
    containerPorts.length === hostPorts.length &&
    [...containerPorts, ...hostPorts].every((port) => port <= 65535) &&
    !containerPorts.includes(0);
  if (!addressOk || !portsOk) return undefined;
  return containerPorts.map((containerPort, i) => ({
    hostAddress: address === '0.0.0.0' ? '' : address,
    hostPort: hostPorts[i] ?? 0,
    containerPort,
    protocol: groups['protocol'] === 'udp' ? 'udp' : 'tcp',
  }));
}

/** `7000-7003` as its ports; none of a range that goes down or is too long. */
function rangeOf(text: string): number[] {
  const [first = 0, last = first] = text.split('-').map(Number);
  const length = last - first + 1;
  return length < 1 || length > LONGEST_RANGE ? [] : Array.from({ length }, (_, i) => first + i);
}

/** `8080:80` has no address: without this the expression would take 8080 for one. */
const readAsHostPort = (text: string): string => (/^\d{1,5}:\d{1,5}(-|\/|$)/.test(text) ? `:${text}` : text);

/** The seed's form: `127.0.0.1:8080:80/udp`, with the parts that are defaults left out. */
export function formatPort(port: PortMapping): string {
  const address = port.hostAddress.includes(':') ? `[${port.hostAddress}]` : port.hostAddress;
  const protocol = port.protocol === 'tcp' ? '' : `/${port.protocol}`;
  return `${address ? `${address}:` : ''}${port.hostPort}:${port.containerPort}${protocol}`;
}

/** Two mappings cannot both be had by one host. A port that the Engine chooses never clashes. */
export function clash(a: PortMapping, b: PortMapping): boolean {
  if (a.hostPort === 0 || a.hostPort !== b.hostPort || a.protocol !== b.protocol) return false;
  return a.hostAddress === '' || b.hostAddress === '' || a.hostAddress === b.hostAddress;
}
