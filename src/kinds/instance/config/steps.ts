import { valueOf } from '../../../base/observed.ts';
import { definedOnly } from '../../../base/defined.ts';
import { sameJson } from '../../../base/hash.ts';
import { PassError } from '../../../base/errors.ts';
import type { Compute, Container } from '../../../drivers/compute.ts';
import type { Pass, Noted, Step } from '../../../engine/contract.ts';
import { listed } from '../../shared/conditions.ts';
import { madeId } from '../../shared/container-steps.ts';
import type { ConfigStatus, Instance } from '../types.ts';
import { changesOf, heldDigests, inPlace } from './changes.ts';
import type { ConfigChange } from './changes.ts';
import type { ResolvedConfig } from './resolve.ts';
import { pathOf } from './uses.ts';

export type ConfigStep =
  /** All of them, before the first start. */
  | (Step & { do: 'writeFiles'; name: string; id?: string; paths: readonly string[] })
  /** Those that changed. */
  | (Step & { do: 'replaceFiles'; name: string; id: string; paths: readonly string[]; effects: readonly string[] });

/** Written at each attempt: a crash between creation and start leaves a container that has some of them. */
export const writeSteps = ({ files }: ResolvedConfig, name: string, why: string, id?: string): ConfigStep[] =>
  files.length === 0
    ? []
    : [{ do: 'writeFiles', name, paths: files.map(({ path }) => path), why, ...definedOnly({ id }) }];

/** One that was never started gets its files when it is. */
export function replaceSteps(instance: Instance, container: Container, config: ResolvedConfig): ConfigStep[] {
  const { id, name, state } = container;
  const changes = state === 'created' ? [] : pending(instance, container, config);
  if (changes.length === 0) return [];
  const paths = changes.flatMap(({ path }) => path ?? []);
  const effects = state === 'running' ? [...signalsOf(changes), ...(restarts(changes) ? ['restart'] : [])] : [];
  const why = listed(changes.map((change) => change.why));
  return [{ do: 'replaceFiles', id, name, paths, effects, why, event: 'ConfigUpdated' }];
}

/** Of a file that shall be gone, in a container that does not run: nothing there can remove it. */
const EMPTIED = 'emptied';

function pending(instance: Instance, container: Container, config: ResolvedConfig): ConfigChange[] {
  const held = heldDigests(instance, container);
  const isDone = ({ item }: ConfigChange) => container.state !== 'running' && held[item] === EMPTIED;
  return changesOf(instance, container, config).filter((change) => inPlace(instance, change) && !isDone(change));
}

const restarts = (changes: readonly ConfigChange[]): boolean => changes.some(({ onChange }) => onChange === 'Restart');

const signalsOf = (changes: readonly ConfigChange[]): string[] => [
  ...new Set(changes.flatMap(({ onChange }) => (typeof onChange === 'object' ? onChange.signal : []))),
];

/** Whether the process that runs, or ran last, is the one that is to be started again for its configuration. */
export const configRestartOf = ({ status }: Instance, { id, startedAt }: Container): string | undefined => {
  const { config } = status ?? {};
  const asked = config?.containerId === id && startedAt !== undefined && config.restart?.of === startedAt.toISOString();
  return asked ? config.restart?.why : undefined;
};

/** What status says of it; `undefined` where the container says it all. */
export function configStatusOf({ status }: Instance, container: Container): ConfigStatus | undefined {
  const { config } = status ?? {};
  if (config?.containerId !== container.id) return undefined;
  const isDone = container.state === 'running' && container.startedAt?.toISOString() !== config.restart?.of;
  const { restart, ...rest } = config;
  return restart && !isDone ? config : rest;
}

export function printConfigStep(step: ConfigStep): string {
  const paths = listed(step.paths);
  if (step.do === 'writeFiles') return `write ${paths} in container ${step.name}`;
  const effects = step.effects
    .map((what) => (what === 'restart' ? ', then restart it' : `, then signal ${what}`))
    .join('');
  return `replace ${paths} in container ${step.name}${effects}`;
}

/** What it was given in the end is written down where the container's own mark tells otherwise. */
export async function writeFiles(
  step: ConfigStep & { do: 'writeFiles' },
  instance: Instance,
  pass: Pass,
  { compute, config }: { compute: Compute; config: ResolvedConfig },
): Promise<void> {
  refuseMissing(config);
  const id = step.id ?? madeId(compute, instance);
  await compute.writeFiles(id, config.files);
  const container = containerOf(compute, instance, id);
  const held = container && heldDigests(instance, container);
  const now = held && atFirstStart(held, config);
  if (now && !sameJson(held, now)) await claim(pass, { containerId: id, digests: now });
}

/** Its variables are those that it was made with. */
const atFirstStart = (held: ConfigStatus['digests'], { items }: ResolvedConfig): ConfigStatus['digests'] => ({
  ...Object.fromEntries(Object.entries(held).filter(([item]) => pathOf(item) === undefined)),
  ...Object.fromEntries(
    Object.entries(items).flatMap(([item, { digest }]) => (pathOf(item) === undefined ? [] : [[item, digest]])),
  ),
});

/**
 * Claimed as being replaced before, and as replaced after: whatever becomes of the documents meanwhile, what a crash has
 * left is replaced once more, and its process told once more.
 */
export async function replaceFiles(
  step: ConfigStep & { do: 'replaceFiles' },
  instance: Instance,
  pass: Pass,
  { compute, config }: { compute: Compute; config: ResolvedConfig },
): Promise<Noted | undefined> {
  refuseMissing(config);
  const container = containerOf(compute, instance, step.id);
  const changes = container ? pending(instance, container, config) : [];
  if (!container || changes.length === 0) return undefined;
  const held = heldDigests(instance, container);
  const mark = (digestOf: (change: ConfigChange) => string | undefined): ConfigStatus['digests'] =>
    definedOnly({
      ...held,
      ...Object.fromEntries(changes.map((change) => [change.item, digestOf(change)])),
    }) as ConfigStatus['digests'];
  const asked = instance.status?.config?.containerId === step.id ? instance.status.config.restart : undefined;
  await claim(pass, { containerId: step.id, digests: mark(() => ''), ...definedOnly({ restart: asked }) });
  const paths = new Set(changes.map(({ path }) => path));
  const files = config.files.filter(({ path }) => paths.has(path));
  // What one entry has no more, another may have.
  const isThere = new Set(config.files.map(({ path }) => path));
  const removed = changes.flatMap(({ digest, path = '' }) => (digest === undefined && !isThere.has(path) ? path : []));
  const [signal, ...more] = signalsOf(changes);
  let note: Noted | undefined;
  if (container.state === 'running') {
    const done = await compute.replaceFiles(step.id, { files, removed, ...definedOnly({ signal }) });
    for (const another of more) await compute.replaceFiles(step.id, { files: [], removed: [], signal: another });
    if (done === 'written') note = { note: 'written in place: the image has no shell that could rename files' };
  } else {
    await compute.writeFiles(step.id, [...files, ...removed.map((path) => ({ path, content: '', mode: 0o444 }))]);
    // Its process may have read what was there before, and is told in the next pass.
    if (containerOf(compute, instance, step.id)?.state === 'running') return undefined;
  }
  const of = container.state === 'running' && restarts(changes) ? container.startedAt?.toISOString() : undefined;
  const restart = of === undefined ? asked : { of, why: step.why };
  const gone = container.state === 'running' ? undefined : EMPTIED;
  const digests = mark(({ digest }) => digest ?? gone);
  await claim(pass, { containerId: step.id, digests, ...definedOnly({ restart }) });
  return note;
}

const claim = (pass: Pass, config: ConfigStatus): Promise<void> => pass.claim(() => ({ config }));

const containerOf = (compute: Compute, instance: Instance, id: string): Container | undefined =>
  (valueOf(compute.containers(instance.metadata.uid)) ?? []).find((c) => c.id === id);

export function refuseMissing({ missing: [first] }: ResolvedConfig): void {
  if (first !== undefined) throw new PassError('DependencyNotReady', first);
}
