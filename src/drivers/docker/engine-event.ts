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
