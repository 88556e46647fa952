import type { KindRegistry } from '../api/registry.ts';
import type { AdmissionSettings } from '../api/kind.ts';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Store } from '../store/store.ts';
import type { Informer } from './informer.ts';

export interface ManagerOptions {
  /** Passes under way at once. Most of a pass is waiting for the Engine. */
  workers: number;
  /** Every document is looked at again this often, whatever happened (I1). */
  resyncMs: number;
  /** Spreads retries that failed together; a number from 0 up to 1. Given by what must be repeatable. */
  random: () => number;
}

export interface ManagerDeps {
  /** Whether what the Engine shows may be believed: what needs one waits until then. */
  believable: () => boolean;
  store: Store;
  informer: Informer;
  kinds: KindRegistry;
  settings: AdmissionSettings;
  clock: Clock;
  log: Log;
}
