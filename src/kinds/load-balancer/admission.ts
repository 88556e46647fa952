import type { Cause } from '../../base/errors.ts';
import { invalid } from '../../api/field-errors.ts';
import { parseCidr } from '../../base/cidr.ts';
import { normalisedPath } from '../../base/url-path.ts';
import { durationMs } from '../../base/quantity.ts';
import { everywhere, hostPortHolder } from '../shared/host-ports.ts';
import type { LoadBalancer, TargetGroup } from './types.ts';
import type { Admission, AdmissionSettings, View } from '../../api/kind.ts';

/** What holds of one load balancer by itself. */
export function checkLoadBalancer(lb: LoadBalancer): Cause[] {
  const { spec } = lb;
  return [
    ...checkListeners(lb),
    ...spec.targetGroups.flatMap(checkTargetGroup),
    ...doubles(spec.targetGroups.map((g) => g.name)).map((at) =>
      invalid(`targetGroups[${at}].name`, 'another target group has this name already'),
    ),
    ...checkRules(lb),
    ...checkTimes(lb),
    ...checkTrustedProxies(lb),
    ...(spec.stickiness && spec.type === 'TCP'
      ? [invalid('stickiness', 'a cookie needs HTTP; with type TCP, algorithm: source keeps a client on its target')]
      : []),
  ];
}

const doubles = (values: readonly unknown[]): number[] =>
  values.flatMap((value, at) => (values.indexOf(value) < at ? [at] : []));

function checkListeners({ spec }: LoadBalancer): Cause[] {
  const twice = doubles(spec.listeners.map((l) => l.port)).map((at) =>
    invalid(`listeners[${at}].port`, `port ${spec.listeners[at]?.port} is listened on already`),
  );
  const other = spec.listeners.flatMap(({ protocol }, at) =>
    protocol === undefined || protocol === spec.type
      ? []
      : [
          invalid(
            `listeners[${at}].protocol`,
            `${protocol} on a load balancer of type ${spec.type}; make another one of type ${protocol} for it`,
          ),
        ],
  );
  return [...twice, ...other];
}

function checkTargetGroup(group: TargetGroup, at: number): Cause[] {
  const given = (['scalingGroup', 'selector', 'instances'] as const).filter((form) => group[form] !== undefined);
  if (given.length === 1) return [];
  const found = given.length === 0 ? 'none is given' : `${given.join(' and ')} are given`;
  return [invalid(`targetGroups[${at}]`, `give exactly one of scalingGroup, selector and instances; ${found}`)];
}

function checkRules({ spec }: LoadBalancer): Cause[] {
  const names = spec.targetGroups.map((g) => g.name);
  const ports = spec.listeners.map((l) => l.port);
  return spec.rules.flatMap((rule, at) => [
    ...(names.includes(rule.targetGroup)
      ? []
      : [
          invalid(
            `rules[${at}].targetGroup`,
            `there is no target group "${rule.targetGroup}"; there are ${names.join(', ')}`,
          ),
        ]),
    ...(rule.port === undefined || ports.includes(rule.port)
      ? []
      : [invalid(`rules[${at}].port`, `there is no listener on port ${rule.port}; there are ${ports.join(', ')}`)]),
    ...(rule.pathPrefix !== undefined && normalisedPath(rule.pathPrefix) === undefined
      ? [invalid(`rules[${at}].pathPrefix`, 'must be percent-encoded UTF-8 without control characters')]
      : []),
    ...(spec.type === 'TCP' && (rule.host !== undefined || rule.pathPrefix !== undefined)
      ? [invalid(`rules[${at}]`, 'host and pathPrefix need type HTTP: a TCP connection does not tell them')]
      : []),
  ]);
}

function checkTrustedProxies({ spec }: LoadBalancer): Cause[] {
  const { trustedProxies = [] } = spec;
  if (spec.type === 'TCP' && trustedProxies.length > 0)
    return [invalid('trustedProxies', 'the headers that they send need type HTTP')];
  return trustedProxies.flatMap((cidr, at) =>
    parseCidr(cidr)
      ? []
      : [invalid(`trustedProxies[${at}]`, `must be an IPv4 range such as 10.1.0.0/16, found "${cidr}"`)],
  );
}

/** Amazon's bound of a deregistration delay, and more than any client waits. */
const LONGEST_MS = 3_600_000;
/** Milliseconds. A web socket may be silent for days; HAProxy counts to 24 of them. */
const LONGEST_TUNNEL_MS = 168 * 3_600_000;

function checkTimes({ spec }: LoadBalancer): Cause[] {
  const checks = [
    { at: '', healthCheck: spec.healthCheck },
    ...spec.targetGroups.map(({ healthCheck }, at) => ({ at: `targetGroups[${at}].`, healthCheck })),
  ];
  const times = {
    ...Object.fromEntries(
      checks.flatMap(({ at, healthCheck }) =>
        (['interval', 'timeout'] as const).flatMap((field) =>
          healthCheck ? [[`${at}healthCheck.${field}`, healthCheck[field]] as const] : [],
        ),
      ),
    ),
    idleTimeout: spec.idleTimeout,
    deregistrationDelay: spec.deregistrationDelay,
    ...(spec.tunnelTimeout === undefined ? {} : { tunnelTimeout: spec.tunnelTimeout }),
  };
  return Object.entries(times).flatMap(([field, value]) => {
    const ms = durationMs(value);
    const [longestMs, longest] = field === 'tunnelTimeout' ? [LONGEST_TUNNEL_MS, '168h'] : [LONGEST_MS, '1h'];
    if (ms > longestMs) return [invalid(field, `must be at most ${longest}, found "${value}"`)];
    return ms < 1 && field !== 'deregistrationDelay' ? [invalid(field, 'must be longer than 0')] : [];
  });
}

/** What is made from now on has one. What was stored without goes on without: its sessions have lasted otherwise. */
export function withTunnelTimeout(next: LoadBalancer, old: LoadBalancer | undefined): LoadBalancer {
  const isOlder = old !== undefined && old.spec.tunnelTimeout === undefined;
  if (next.spec.tunnelTimeout !== undefined || isOlder) return next;
  return { ...next, spec: { ...next.spec, tunnelTimeout: '1h' } };
}

/** What holds among other documents: runs under the revision's lock. */
export function admitLoadBalancer(
  next: LoadBalancer,
  old: LoadBalancer | undefined,
  view: View,
  settings: AdmissionSettings,
): Admission<LoadBalancer> {
  const moved =
    old && old.spec.vpc !== next.spec.vpc
      ? [
          invalid(
            'vpc',
            `a load balancer cannot move from VPC ${old.spec.vpc} to ${next.spec.vpc}; make another one there`,
          ),
        ]
      : [];
  const taken = next.spec.listeners.flatMap(({ port }, at) => {
    const holder = hostPortHolder(next, everywhere(port), view, settings);
    return holder ? [invalid(`listeners[${at}].port`, holder)] : [];
  });
  return { resource: next, causes: [...moved, ...taken] };
}
