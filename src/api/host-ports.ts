import type { Resource } from './metadata.ts';
import { clash, parsePort } from './ports.ts';
import type { PortMapping } from './ports.ts';
import type { View } from './schema.ts';

/** Kinds whose documents publish ports on the host, and find them by their index `hostPort`. */
const PUBLISHERS = ['Instance', 'LoadBalancer'];

/** What a document publishes with a fixed port of the host. */
function published(resource: Resource): PortMapping[] {
  const spec = resource.spec as { ports?: readonly string[]; listeners?: readonly { port: number }[] };
  const listened = (spec.listeners ?? []).map(({ port }): PortMapping => ({
    hostAddress: '',
    hostPort: port,
    containerPort: port,
    protocol: 'tcp',
  }));
  return [...(spec.ports ?? []).flatMap((text) => parsePort(text) ?? []), ...listened];
}

/** Who else has the host's port, as a refusal says it; `undefined`: nobody of ours. */
export function hostPortHolder(next: Resource, port: PortMapping, view: View): string | undefined {
  const holder = PUBLISHERS.flatMap((kind) => view.lookup(kind, 'hostPort', `${port.hostPort}/${port.protocol}`)).find(
    (other) => other.metadata.uid !== next.metadata.uid && published(other).some((theirs) => clash(theirs, port)),
  );
  return (
    holder &&
    `host port ${port.hostPort} is taken by ${holder.kind} ${holder.metadata.namespace}/${holder.metadata.name}; choose another`
  );
}
