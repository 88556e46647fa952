/** What is known of one instance now. */
export interface Measured {
  /** Left out: it cannot be told. */
  value?: number | undefined;
  /** The beginning of the time that the value is of; left out where it is of a moment. */
  since?: Date;
}

/** A metric of instances. */
export interface MetricSource {
  /** Milliseconds between two values. */
  intervalMs: number;
  /** `undefined`: nothing is known of it now. */
  measure: (instanceUid: string) => Measured | undefined;
}
