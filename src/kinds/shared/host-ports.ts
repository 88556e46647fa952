import type { Resource } from '../../api/metadata.ts';
import type { PortMapping } from './port-mapping.ts';
import { titleFor } from '../../api/kind.ts';
import type { AdmissionSettings, View } from '../../api/kind.ts';

/** Values of the index `hostPort`: ports of the host that are fixed, with and without the address. */
export const hostPortKeys = (ports: readonly PortMapping[]): string[] => [
  ...new Set(ports.filter(({ hostPort }) => hostPort !== 0).flatMap((port) => [anywhere(port), at(port)])),
];

const anywhere = ({ hostPort, protocol }: PortMapping): string => `${hostPort}/${protocol}`;
const at = (port: PortMapping): string => `${port.hostAddress || '*'} ${anywhere(port)}`;

/** A port that is published on every address of the host, as itself. */
export const everywhere = (port: number): PortMapping => ({
  hostAddress: '',
  hostPort: port,
  containerPort: port,
  protocol: 'tcp',
});

/** Who else has the host's port, as a refusal says it; `undefined`: nobody of ours. */
export function hostPortHolder(
  next: Resource,
  port: PortMapping,
  view: View,
  { author }: AdmissionSettings,
): string | undefined {
  const keys = port.hostAddress === '' ? [anywhere(port)] : [at(port), at({ ...port, hostAddress: '' })];
  const holder = keys
    .flatMap((key) => view.lookupAll('hostPort', key))
    .find((other) => other.metadata.uid !== next.metadata.uid);
  if (!holder) return undefined;
  return `host port ${port.hostPort} is taken by ${titleFor(author, holder)}; choose another`;
}
