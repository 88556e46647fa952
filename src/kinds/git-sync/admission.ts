import { fileURLToPath } from 'node:url';
import type { Admission, AdmissionSettings, View } from '../../api/kind.ts';
import { cronComplaint, isTimeZone } from '../../base/cron.ts';
import type { Cause } from '../../base/errors.ts';
import { exposedBy, normalizedPath } from '../../base/host-paths.ts';
import { durationMs } from '../../base/quantity.ts';
import { isGitSync } from './types.ts';
import type { GitSync } from './types.ts';

/** Milliseconds: the remote is somebody's, too. */
const SHORTEST_INTERVAL_MS = 5_000;

const PERCENT = /^(\d{1,3})%$/;

const invalid = (field: string, message: string): Cause => ({ reason: 'FieldValueInvalid', field, message });

/** What no schema says about one document. */
export function checkGitSync({ spec }: GitSync, old?: GitSync): Cause[] {
  const refs = Object.keys(spec.ref);
  return [
    ...urlCauses(spec.url),
    ...(old && old.spec.url !== spec.url
      ? [
          {
            ...invalid('spec.url', 'is immutable: another repository is another sync'),
            reason: 'FieldValueForbidden' as const,
          },
        ]
      : []),
    ...(refs.length > 1 ? [invalid('spec.ref', `has ${refs.join(' and ')}; at most one of them`)] : []),
    ...(/(^|\/)\.\.(\/|$)|^\//.test(spec.path)
      ? [invalid('spec.path', 'expected a folder within the repository')]
      : []),
    ...guardCauses(spec.pruneGuard),
    ...(durationMs(spec.interval) < SHORTEST_INTERVAL_MS ? [invalid('spec.interval', 'must be at least 5s')] : []),
    ...scheduleCauses(spec),
    ...(spec.verify && Object.keys(spec.verify).length !== 1
      ? [invalid('spec.verify', 'expected one of configMap and secret')]
      : []),
    ...(spec.substitute?.from ?? []).flatMap((from, i) =>
      Object.keys(from).length === 1
        ? []
        : [invalid(`spec.substitute.from[${i}]`, 'expected one of configMap and secret')],
    ),
  ];
}

function urlCauses(url: string): Cause[] {
  if (/^-|[\0-\x20]/.test(url)) return [invalid('spec.url', 'expected a url without spaces')];
  if (/^[\w.-]+@[\w.-]+:[^/]/.test(url)) return [];
  const parsed = URL.canParse(url) ? new URL(url) : undefined;
  if (!parsed || !['https:', 'http:', 'ssh:', 'file:'].includes(parsed.protocol))
    return [invalid('spec.url', 'expected an https, http, ssh or file url, or git@host:path')];
  if (parsed.password !== '' || (parsed.username !== '' && parsed.protocol !== 'ssh:'))
    return [invalid('spec.url', 'has credentials in it: put them into a Secret, and name that in spec.credentials')];
  return [];
}

function guardCauses(guard: number | string): Cause[] {
  const isCount = typeof guard === 'number' && Number.isInteger(guard) && guard >= 0;
  const percent = typeof guard === 'string' ? PERCENT.exec(guard)?.[1] : undefined;
  if (isCount || (percent !== undefined && Number(percent) <= 100)) return [];
  return [invalid('spec.pruneGuard', 'expected a number, or a percentage such as "30%"')];
}

function scheduleCauses({ schedule, timeZone }: GitSync['spec']): Cause[] {
  const complaint = schedule === undefined ? undefined : cronComplaint(schedule);
  return [
    ...(complaint === undefined ? [] : [invalid('spec.schedule', complaint)]),
    ...(isTimeZone(timeZone) ? [] : [invalid('spec.timeZone', 'expected a time zone such as Europe/Berlin')]),
  ];
}

/** Syncs that wait for each other would do so for ever; and what is the daemon's own is no repository. */
export function admitGitSync(
  next: GitSync,
  _old: GitSync | undefined,
  view: View,
  { hostPaths }: AdmissionSettings,
): Admission<GitSync> {
  const circle = circleFrom(next, view);
  const folder = folderOf(next.spec.url);
  const place = folder === undefined ? undefined : exposedBy(folder, hostPaths.guarded);
  const causes = [
    ...(circle ? [invalid('spec.dependsOn', `goes in a circle: ${circle.join(' → ')}`)] : []),
    ...(place === undefined
      ? []
      : [{ ...invalid('spec.url', `shows ${place}, which is not to be read`), reason: 'FieldValueForbidden' }]),
  ];
  return { resource: next, causes };
}

/** Of a file url that can be read as one. */
function folderOf(url: string): string | undefined {
  try {
    return url.startsWith('file:') ? normalizedPath(fileURLToPath(url)) : undefined;
  } catch {
    return undefined;
  }
}

function circleFrom(next: GitSync, view: View): string[] | undefined {
  const { namespace, name } = next.metadata;
  const seen = new Set<string>();
  const walk = (path: readonly string[], dependsOn: readonly string[]): string[] | undefined => {
    for (const other of dependsOn) {
      if (other === name) return [...path, other];
      if (seen.has(other)) continue;
      seen.add(other);
      const found = view.get({ kind: 'GitSync', namespace, name: other });
      const circle = found && isGitSync(found) ? walk([...path, other], found.spec.dependsOn ?? []) : undefined;
      if (circle) return circle;
    }
    return undefined;
  };
  return walk([name], next.spec.dependsOn ?? []);
}
