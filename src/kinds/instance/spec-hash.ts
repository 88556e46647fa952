import { ifTrue, orNothing } from '../../base/defined.ts';
import { canonicalJson, sha256 } from '../../base/hash.ts';
import { isReference } from './config/uses.ts';
import { logTarget } from './container-settings.ts';
import type { HealthCheck, InstanceSpec } from './types.ts';

/**
 * The fields whose change needs another container. What the Engine changes in place (resources, pidsLimit and
 * the like, restartPolicy, powerState), and what only this daemon looks at (imagePullPolicy, stopGracePeriod, http and tcp checks) is not here.
 * What says nothing hashes as what is absent: a later release that fills in a default recreates nothing.
 */
const RECREATES = {
  image: (s) => s.image,
  command: (s) => s.command,
  args: (s) => s.args,
  env: (s) => orNothing(variablesOf(s.env)),
  envFrom: (s) => orNothing(s.envFrom?.map(({ optional: _, onChange: __, ...made }) => made)),
  files: (s) => orNothing(s.files?.map(({ optional: _, onChange: __, content: ___, ...made }) => made)),
  ports: (s) => orNothing(s.ports),
  privateIp: (s) => s.privateIp,
  logs: (s) => ({ maxSize: s.logs.maxSize, maxFiles: s.logs.maxFiles, ...logTarget(s) }),
  volumes: (s) => orNothing(s.volumes),
  user: (s) => s.user,
  workingDir: (s) => s.workingDir,
  labels: (s) => orNothing(s.labels),
  healthCheck: (s) => engineCheck(s.healthCheck),
  init: (s) => ifTrue(s.init),
  tty: (s) => ifTrue(s.tty),
  stdin: (s) => ifTrue(s.stdin),
  stopSignal: (s) => s.stopSignal,
  hostname: (s) => s.hostname,
  aliases: (s) => orNothing(s.aliases),
  extraHosts: (s) => orNothing(s.extraHosts),
  dns: (s) => orNothing(s.dns),
  groups: (s) => orNothing(s.groups),
  allowPrivilegeEscalation: (s) => ifTrue(s.allowPrivilegeEscalation),
  capabilities: (s) => orNothing(s.capabilities),
  readOnlyRootFilesystem: (s) => ifTrue(s.readOnlyRootFilesystem),
  tmpfs: (s) => orNothing(s.tmpfs),
  shmSize: (s) => s.shmSize,
  sysctls: (s) => orNothing(s.sysctls),
  ulimits: (s) => orNothing(s.ulimits),
  devices: (s) => orNothing(s.devices),
  gpus: (s) => s.gpus,
  oomScoreAdjust: (s) => s.oomScoreAdjust,
} satisfies Record<string, (spec: InstanceSpec) => unknown>;

/** Which content a variable or a file has is told by digests; what becomes of a change of it is this daemon's. */
const variablesOf = (env: InstanceSpec['env'] = {}): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(env).map(([name, value]) => {
      if (!isReference(value)) return [name, value];
      const { optional: _, onChange: __, ...from } = value.valueFrom;
      return [name, from];
    }),
  );

/** What the Engine is told of health checks. What becomes of an unhealthy one is this daemon's. */
function engineCheck(check: HealthCheck | undefined): object | undefined {
  if (check?.disable) return { disable: true };
  if (!check?.command) return undefined;
  const { restartOnUnhealthy: _, disable: __, ...told } = check;
  return told;
}

/** The algorithm's name. A release that hashes otherwise must still know this one. */
const ALGORITHM = 'v1';

/** One short hash a field that is set, so that a container tells which of its fields differ: `v1 image=9f86d081884c env=…`. */
export function specHash(spec: InstanceSpec): string {
  const known = hashes.get(spec);
  if (known !== undefined) return known;
  const hash = hashOf(spec);
  hashes.set(spec, hash);
  return hash;
}

/** A stored specification never changes, and is asked for its hash several times in each pass. */
const hashes = new WeakMap<InstanceSpec, string>();

function hashOf(spec: InstanceSpec): string {
  const parts = Object.entries(RECREATES).flatMap(([field, of]) => {
    const value = of(spec);
    return value === undefined ? [] : [`${field}=${sha256(canonicalJson(value)).slice(0, 12)}`];
  });
  return [ALGORITHM, ...parts].join(' ');
}

/** The fields in which a container differs from what is wanted; empty when none does. */
export function changedFields(had: string, wanted: string): string[] {
  const read = (text: string) =>
    new Map(
      text
        .split(' ')
        .slice(1)
        .map((part) => part.split('=') as [string, string]),
    );
  const [before, after] = [read(had), read(wanted)];
  return Object.keys(RECREATES).filter((field) => before.get(field) !== after.get(field));
}
