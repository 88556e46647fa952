import type { InventoryRow } from '../store/inventory.ts';
import type { KindRegistry } from '../api/registry.ts';
import type { AdmissionSettings } from '../api/kind.ts';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Store } from '../store/store.ts';
import type { Recorder } from './recorder.ts';

/** What every pass of a term shares. */
export interface PassTools {
  store: Store;
  clock: Clock;
  log: Log;
  /** The term's; every write carries it (I9). */
  epoch: number;
  signal: AbortSignal;
  kinds: KindRegistry;
  settings: AdmissionSettings;
  recorder: Recorder;
  /** The rows of the seed's tables as last written, by uid: what is unchanged is not written (I2). */
  inventory: Map<string, KnownRow>;
}

interface KnownRow {
  row: InventoryRow;
  /** False after a write whose answer was lost: the row is written, or removed, once more. */
  sure: boolean;
}
