import type { ContainerInfo, ContainerInspectInfo, NetworkInspectInfo } from 'dockerode';
import { definedOnly } from '../../base/defined.ts';
import { lastLines } from '../../base/output.ts';
import type { Attachment, Container, ContainerState, Network, Owner, PublishedPort, RestartMode } from '../compute.ts';
import type { Limits } from '../container-settings.ts';
import { configDigestsOf, LABEL } from '../labels.ts';

/** Go's zero time: it has not happened. */
const NEVER = '0001-01-01T00:00:00Z';
/** Characters of an id as the Engine shows it. */
const SHORT_ID = 12;

/** The id of the network that has this name, as far as known. */
type IdOfNetwork = (name: string) => string | undefined;

/** What the Engine says of one container, in our words. `exitBefore`: the exit status of its last end, when known. */
export function toContainer(
  info: ContainerInspectInfo,
  owner: Owner,
  exitBefore: number | undefined,
  idOfNetwork: IdOfNetwork,
): Container {
  const { State: state, HostConfig: host } = info;
  const finishedAt = dateOf(state.FinishedAt);
  // The Engine clears the exit status when the process starts again: what was seen before is kept.
  const exitCode = state.Running && !state.Restarting ? exitBefore : finishedAt && state.ExitCode;
  return {
    id: info.Id,
    name: info.Name.replace(/^\//, ''),
    owner,
    specHash: info.Config.Labels[LABEL.specHash] ?? '',
    state: state.Status as ContainerState,
    oomKilled: state.OOMKilled,
    restarts: info.RestartCount,
    imageId: info.Image,
    restart: toRestartMode(host.RestartPolicy?.Name),
    attachments: toAttachments(info, idOfNetwork),
    ports: toPorts(info.NetworkSettings.Ports ?? {}),
    ...definedOnly({
      startedAt: dateOf(state.StartedAt),
      finishedAt,
      exitCode,
      error: state.Error || undefined,
      configDigests: configDigestsOf(info.Config.Labels),
      defaults: info.Config.Labels[LABEL.defaults],
      health: toHealth(state.Health?.Status),
      healthOutput: toHealthOutput(state.Health),
    }),
    ...toLimits(host),
  };
}

/** The Engine's 0, -1 and empty text say that there is no limit. */
const toLimits = (host: ContainerInspectInfo['HostConfig']): Limits =>
  definedOnly({
    cpus: host.NanoCpus ? host.NanoCpus / 1e9 : undefined,
    memoryBytes: limit(host.Memory),
    memoryReservationBytes: limit(host.MemoryReservation),
    memorySwapBytes: limit(host.MemorySwap),
    cpuSet: host.CpusetCpus || undefined,
    pidsLimit: limit(host.PidsLimit),
  });

const limit = (value: number | null | undefined): number | undefined => (value && value > 0 ? value : undefined);

export function toNetwork(info: NetworkInspectInfo, owner: Owner): Network {
  const range = info.IPAM?.Config?.[0];
  return {
    id: info.Id,
    name: info.Name,
    owner,
    cidrBlock: range?.Subnet ?? '',
    gateway: range?.Gateway ?? '',
    internal: info.Internal,
  };
}

/** What of a list's entry tells that an inspect would answer differently; the uptime in its status always moves. */
export const fingerprint = (entry: ContainerInfo): string =>
  JSON.stringify([
    entry.State,
    entry.Names,
    entry.Status.replace(/^Up [^(]*/, 'Up ').replace(/\) [^)]* ago$/, ')'),
    entry.Ports,
    Object.values(entry.NetworkSettings?.Networks ?? {}).map((n) => [n.NetworkID, n.IPAddress]),
  ]);

/** What the driver needs of a container and `Container` does not carry. */
export interface ContainerDetails {
  tty: boolean;
  /** Its process has an input that can be written to. */
  stdin: boolean;
  /** By network id, the Engine's name for the attachment: what a disconnect must name once the network itself is gone. */
  networkNames: Readonly<Record<string, string>>;
  /** Folders of the host that are mounted. */
  hostFolders: readonly string[];
}

export const toDetails = (info: ContainerInspectInfo, idOfNetwork: IdOfNetwork): ContainerDetails => ({
  tty: info.Config.Tty,
  stdin: info.Config.OpenStdin,
  hostFolders: (info.Mounts ?? []).flatMap((mount) => (mount.Type === 'bind' ? mount.Source : [])),
  networkNames: Object.fromEntries(
    Object.keys(info.NetworkSettings.Networks).map((name) => [networkIdOf(info, name, idOfNetwork), name]),
  ),
});

function toAttachments(info: ContainerInspectInfo, idOfNetwork: IdOfNetwork): Attachment[] {
  const madeOn = info.HostConfig.NetworkMode ?? '';
  const isFirst = (name: string, id: string) => name === madeOn || id === madeOn;
  const all = Object.entries(info.NetworkSettings.Networks).map(([name, network]) => {
    const networkId = networkIdOf(info, name, idOfNetwork);
    const attachment: Attachment = {
      networkId,
      address: network.IPAddress || network.IPAMConfig?.IPv4Address || '',
      // The Engine adds the short id by itself.
      aliases: ((network.Aliases ?? []) as string[]).filter((alias) => alias !== info.Id.slice(0, SHORT_ID)),
    };
    return { attachment, isFirst: isFirst(name, networkId) };
  });
  return [...all.filter((a) => a.isFirst), ...all.filter((a) => !a.isFirst)].map((a) => a.attachment);
}

/**
 * What was attached while the container did not run has but a name before the next start; of a new container, the one
 * network has the id that it was created with. A disconnect takes the name as well.
 */
function networkIdOf(info: ContainerInspectInfo, name: string, idOfNetwork: IdOfNetwork): string {
  const { Networks } = info.NetworkSettings;
  const isOnly = Object.keys(Networks).length === 1;
  return Networks[name]?.NetworkID || idOfNetwork(name) || (isOnly && info.HostConfig.NetworkMode) || name;
}

function toPorts(bound: ContainerInspectInfo['NetworkSettings']['Ports']): PublishedPort[] {
  const ports = Object.entries(bound).flatMap(([key, bindings]) => {
    const [port, protocol] = key.split('/');
    return (bindings ?? []).map((binding) => ({
      hostAddress: binding.HostIp === '0.0.0.0' ? '' : binding.HostIp,
      hostPort: Number(binding.HostPort),
      containerPort: Number(port),
      protocol: protocol === 'udp' ? ('udp' as const) : ('tcp' as const),
    }));
  });
  // "Every address" is answered twice, once per family.
  return ports.filter((p) => p.hostAddress !== '::' || !ports.some((q) => q.hostAddress === '' && samePort(p, q)));
}

const samePort = (a: PublishedPort, b: PublishedPort): boolean =>
  a.containerPort === b.containerPort && a.protocol === b.protocol;

/** A person's `always` differs from `unless-stopped` only after an Engine restart. */
function toRestartMode(name: string | undefined): RestartMode {
  if (name === 'always' || name === 'unless-stopped') return 'unless-stopped';
  return name === 'on-failure' ? 'on-failure' : 'no';
}

const toHealth = (status: string | undefined): Container['health'] =>
  status === 'starting' || status === 'healthy' || status === 'unhealthy' ? status : undefined;

/** Lines of a failed check that are told of, and the longest one: a check may write up to 4 KB. */
const CHECK_LINES = 3;
const LONGEST_CHECK_LINE = 200;
/** The Engine's exit status of a check that was cut short; its output says why. */
const CUT_SHORT = -1;

function toHealthOutput(health: ContainerInspectInfo['State']['Health']): string | undefined {
  const last = health?.Status === 'unhealthy' ? health.Log?.findLast((check) => check.ExitCode !== 0) : undefined;
  if (!last) return undefined;
  const said = lastLines(last.Output, CHECK_LINES, LONGEST_CHECK_LINE).join(' | ');
  return [...(last.ExitCode === CUT_SHORT ? [] : [`exit code ${last.ExitCode}`]), ...(said ? [said] : [])].join(': ');
}

const dateOf = (text: string): Date | undefined => (text && text !== NEVER ? new Date(text) : undefined);
