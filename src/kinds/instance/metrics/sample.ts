/**
 * What one instance used at one moment, as it is kept, shown and decided upon. A member that is left out could not be
 * known; nothing is ever told as zero for it.
 */
export interface Sample extends Rates {
  /** The instance's uid. */
  instanceId: string;
  at: Date;
  /** Since the sample before, of the instance's limit; of one core where it has none, and so over 100 on several. */
  cpuPercent?: number;
  /** The working set: without the page cache that can be had back. */
  memoryBytes?: number;
  memoryLimitBytes?: number;
}

/** Bytes a second since the sample before. */
export interface Rates {
  networkReceiveRate?: number;
  networkSendRate?: number;
  blockReadRate?: number;
  blockWriteRate?: number;
}

export const RATES = ['networkReceiveRate', 'networkSendRate', 'blockReadRate', 'blockWriteRate'] as const;
