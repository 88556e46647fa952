import { invalid } from '../../api/field-errors.ts';
import { isWithin, normalizedPath } from '../../base/host-paths.ts';
import { parseReference } from '../../base/image-reference.ts';
import type { Policy } from '../../api/kind.ts';
import type { Cause } from '../../base/errors.ts';
import { parsePorts } from '../shared/port-mapping.ts';
import type { InstanceSpec } from './types.ts';

/**
 * How much of the host instances may ask for: Kubernetes' Pod Security Standards
 * (kubernetes.io/docs/concepts/security/pod-security-standards), field by field. What those forbid and no instance has,
 * such as privileged mode, the host's network and another seccomp profile, is not asked. GPUs are allowed at each level, as
 * there: a device plugin gives them.
 */
type SecurityLevel = Policy['level'];

/** Those that baseline lets a container add. NET_RAW is not among them. */
const BASELINE_CAPABILITIES = new Set([
  'AUDIT_WRITE',
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'KILL',
  'MKNOD',
  'NET_BIND_SERVICE',
  'SETFCAP',
  'SETGID',
  'SETPCAP',
  'SETUID',
  'SYS_CHROOT',
]);

/** Kernel settings that concern nobody but the container. */
const BASELINE_SYSCTLS = new Set([
  'kernel.shm_rmid_forced',
  'net.ipv4.ip_local_port_range',
  'net.ipv4.ip_local_reserved_ports',
  'net.ipv4.ip_unprivileged_port_start',
  'net.ipv4.ping_group_range',
  'net.ipv4.tcp_fin_timeout',
  'net.ipv4.tcp_keepalive_intvl',
  'net.ipv4.tcp_keepalive_probes',
  'net.ipv4.tcp_keepalive_time',
  'net.ipv4.tcp_rmem',
  'net.ipv4.tcp_syncookies',
  'net.ipv4.tcp_wmem',
]);

/** The only one that restricted lets a container have. */
const RESTRICTED_CAPABILITY = 'NET_BIND_SERVICE';

/** What is allowed beside the level: the standard's "known list". Any at privileged, where it is left out, and else none. */
type Allowed = Pick<Policy, 'hostPorts' | 'hostPaths'>;

/** What of this specification its level does not allow; `[]` when it allows all of it. */
export function levelProblems(spec: InstanceSpec, level: SecurityLevel, allowed: Allowed = {}): Cause[] {
  const { hostPorts, hostPaths } = allowed;
  const isFree = level === 'privileged';
  return [
    ...(level === 'baseline' ? baselineProblems(spec) : []),
    ...(level === 'restricted' ? restrictedProblems(spec) : []),
    ...(isFree && hostPaths === undefined ? [] : hostFolders(spec, level, hostPaths ?? [])),
    ...(isFree && hostPorts === undefined ? [] : publishedPorts(spec, level, hostPorts ?? [])),
  ];
}

const baselineProblems = (spec: InstanceSpec): Cause[] => [
  ...addedBeyond(spec, 'baseline', (name) => BASELINE_CAPABILITIES.has(name)),
  ...hostAccess(spec, 'baseline'),
];

const restrictedProblems = (spec: InstanceSpec): Cause[] => [
  ...addedBeyond(spec, 'restricted', (name) => name === RESTRICTED_CAPABILITY),
  ...(spec.capabilities?.drop?.includes('ALL')
    ? []
    : [refused('restricted', 'capabilities.drop', 'every capability must be dropped: set it to [ALL]')]),
  ...hostAccess(spec, 'restricted'),
  ...(spec.allowPrivilegeEscalation
    ? [
        refused(
          'restricted',
          'allowPrivilegeEscalation',
          'a process may not gain rights: leave it out, or set it to false',
        ),
      ]
    : []),
  ...rootUser(spec),
  ...spec.volumes.flatMap(({ driverOptions }, at) =>
    driverOptions && driverOptions.type !== 'tmpfs'
      ? [
          refused(
            'restricted',
            `volumes[${at}].driverOptions.type`,
            `a volume of ${driverOptions.type} is another server's: use a named volume without driverOptions, or one of type tmpfs`,
          ),
        ]
      : [],
  ),
];

function addedBeyond(
  { capabilities }: InstanceSpec,
  level: SecurityLevel,
  isAllowed: (name: string) => boolean,
): Cause[] {
  const allowed = level === 'baseline' ? [...BASELINE_CAPABILITIES].join(', ') : RESTRICTED_CAPABILITY;
  return (capabilities?.add ?? []).flatMap((name, at) =>
    isAllowed(name)
      ? []
      : [refused(level, `capabilities.add[${at}]`, `${name} may not be added: take it out; these may be: ${allowed}`)],
  );
}

function hostFolders({ volumes }: InstanceSpec, level: SecurityLevel, allowed: readonly string[]): Cause[] {
  const others = allowed.length > 0 ? `, or one in ${allowed.join(', ')}` : '';
  return volumes.flatMap(({ hostPath }, at) =>
    hostPath === undefined || allowed.some((folder) => isWithin(normalizedPath(hostPath), normalizedPath(folder)))
      ? []
      : [
          refused(
            level,
            `volumes[${at}].hostPath`,
            `${hostPath} is a folder of the host: use a named volume (name)${others}`,
          ),
        ],
  );
}

/** What is the host's, beside folders: devices, kernel settings. */
const hostAccess = ({ devices = [], sysctls = {} }: InstanceSpec, level: SecurityLevel): Cause[] => [
  ...devices.map(({ hostPath }, at) =>
    refused(level, `devices[${at}]`, `${hostPath} is a device of the host: take it out`),
  ),
  ...Object.keys(sysctls).flatMap((name) =>
    BASELINE_SYSCTLS.has(name)
      ? []
      : [
          refused(
            level,
            `sysctls["${name}"]`,
            `it is not one of the safe kernel settings: take it out; these may be set: ${[...BASELINE_SYSCTLS].join(', ')}`,
          ),
        ],
  ),
];

/** A port that the Engine chooses takes none that others need; it is what a NodePort is in Kubernetes. */
const publishedPorts = ({ ports }: InstanceSpec, level: SecurityLevel, allowed: readonly number[]): Cause[] =>
  ports.flatMap((text, at) => {
    const taken = (parsePorts(text) ?? []).find(({ hostPort }) => hostPort !== 0 && !allowed.includes(hostPort));
    if (!taken) return [];
    const others = allowed.length > 0 ? `, or one of ${allowed.join(', ')}` : '';
    return [
      refused(
        level,
        `ports[${at}]`,
        `host port ${taken.hostPort} may not be taken: leave the host port out (the Engine chooses one)${others}, or put a LoadBalancer before it`,
      ),
    ];
  });

/** An image may name root by any word, and the document does not tell what the image says: a number is the only proof. */
function rootUser({ user }: InstanceSpec): Cause[] {
  const [name = ''] = (user ?? '').split(':');
  if (/^\d+$/.test(name) && Number(name) !== 0) return [];
  const found =
    user === undefined
      ? 'the image decides, and may run as root'
      : /^\d+$/.test(name)
        ? 'it is root'
        : `"${name}" may be root`;
  return [refused('restricted', 'user', `${found}: set the number of a user other than 0, such as "1000"`)];
}

const refused = (level: SecurityLevel, field: string, why: string): Cause =>
  invalid(field, `the namespace's policy (${level}) does not allow it: ${why}`);

/** What of this specification a namespace's policy does not allow. */
export const policyProblems = (spec: InstanceSpec, policy: Policy): Cause[] => [
  ...levelProblems(spec, policy.level, policy),
  ...imageProblems(spec, policy),
];

function imageProblems({ image }: InstanceSpec, { level, registries, allowLatest }: Policy): Cause[] {
  // One that is named by its id alone comes from no registry.
  if (/^(sha256:)?[0-9a-f]{64}$/.test(image)) return [];
  const { repository, tag, registry } = parseReference(image);
  // As Docker reads it: what names no host is Docker Hub's, and what names nothing else is its library's.
  const place = repository.includes('/') ? repository : `library/${repository}`;
  const whole = place.startsWith(`${registry}/`) ? place : `${registry}/${place}`;
  const isKnown = registries?.some((allowed) => isWithin(whole, allowed)) ?? true;
  return [
    ...(isKnown
      ? []
      : [
          refused(
            level,
            'image',
            `${whole} is of none of its registries: use one of ${registries?.join(', ') || 'none'}`,
          ),
        ]),
    ...(tag === 'latest' && !allowLatest
      ? [refused(level, 'image', 'the tag latest may be another image tomorrow: name a version, or a digest')]
      : []),
  ];
}
