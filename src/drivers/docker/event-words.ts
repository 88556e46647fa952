/** One event of the Engine's stream, as much of it as is used. */
export interface EngineEvent {
  Type: string;
  Action: string;
  Actor: { ID: string; Attributes: Record<string, string> };
  /** Nanoseconds; as a JSON number it is exact to about 256 of them. */
  timeNano: number;
}

/** By name, and never an exec's: each of our own health probes would make three. */
export const EVENT_FILTERS = {
  type: ['container', 'network'],
  event: [
    'create',
    'start',
    'die',
    'stop',
    'pause',
    'unpause',
    'rename',
    'destroy',
    'update',
    'oom',
    'health_status',
    'connect',
    'disconnect',
  ],
};

const CONTAINER_WORDS: Record<string, string> = {
  create: 'container appeared',
  start: 'container started',
  stop: 'container stopped',
  pause: 'container was paused',
  unpause: 'container was unpaused',
  rename: 'container was renamed',
  destroy: 'container was removed',
  update: 'container was updated',
  oom: 'container ran out of memory',
};

/** For the reconcile log: `container died (exit 137)`. */
export function eventWords({ Type, Action, Actor }: EngineEvent): string {
  const attributes = Actor.Attributes ?? {};
  if (Type === 'network') return networkWords(Action, attributes['name'] ?? Actor.ID.slice(0, 12));
  if (Action === 'die') return `container died (exit ${attributes['exitCode'] ?? 'unknown'})`;
  if (Action.startsWith('health_status')) return `container became ${Action.split(': ')[1] ?? 'healthy or not'}`;
  return CONTAINER_WORDS[Action] ?? `container: ${Action}`;
}

function networkWords(action: string, name: string): string {
  if (action === 'connect') return `container was connected to network ${name}`;
  if (action === 'disconnect') return `container was disconnected from network ${name}`;
  return action === 'destroy' ? 'network was removed' : 'network appeared';
}
