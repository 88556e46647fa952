import { formatAge } from '../base/quantity.ts';
import type { Colors } from './io.ts';
import { printable } from './io.ts';
import { tinted } from './table.ts';

/** A core/v1 Event, as far as people look at it. */
export interface CoreEvent {
  metadata: { name: string; namespace: string; resourceVersion?: string };
  type: string;
  reason: string;
  message: string;
  count?: number;
  firstTimestamp?: string;
  lastTimestamp?: string;
  involvedObject: { kind: string; name: string; namespace: string };
}

/** Last seen, type, reason, message; a repeated one says how often. */
export function eventRow(event: CoreEvent, now: Date, colors: Colors): string[] {
  const count = event.count ?? 1;
  const age = event.lastTimestamp ? formatAge(now.getTime() - Date.parse(event.lastTimestamp)) : '';
  const message = printable(event.message).replaceAll('\n', ' ');
  return [age, tinted('Type', event.type, colors), event.reason, count > 1 ? `${message} (${count} times)` : message];
}
