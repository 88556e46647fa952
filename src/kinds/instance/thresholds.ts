/** Percent of a limit at which it is told, and below which it is told to be over. */
const HIGH = 90;
const NORMAL = 80;
/** So many samples in a row: one alone is a start, or a collection of garbage. */
const IN_A_ROW = 3;
/** Milliseconds between two crossings that are told of one instance. */
const EVERY_MS = 5 * 60_000;

const MEASURES = ['cpu', 'memory'] as const;
type Measure = (typeof MEASURES)[number];

export interface Crossing {
  measure: Measure;
  /** Whether it has become high, or normal again. */
  isHigh: boolean;
}

interface Watched {
  inARow: Record<Measure, number>;
  isHigh: Record<Measure, boolean>;
  toldAt: number;
}

/** When an instance comes near its limits, and when it is away from them again. */
export class Thresholds {
  readonly #watched = new Map<string, Watched>();

  /**
   * One sample's percents of the limits; of what is not known or has no limit, `undefined`. At most one crossing is
   * answered; another waits until it may be told, and is forgotten when it is over by then.
   */
  judge(uid: string, percent: Record<Measure, number | undefined>, nowMs: number): Crossing | undefined {
    const watched = this.#watched.get(uid) ?? {
      inARow: { cpu: 0, memory: 0 },
      isHigh: { cpu: false, memory: false },
      toldAt: -Infinity,
    };
    this.#watched.set(uid, watched);
    for (const measure of MEASURES)
      watched.inARow[measure] = (percent[measure] ?? 0) >= HIGH ? watched.inARow[measure] + 1 : 0;
    if (nowMs - watched.toldAt < EVERY_MS) return undefined;
    const crossed = MEASURES.find((measure) => hasCrossed(watched, measure, percent[measure]));
    if (crossed === undefined) return undefined;
    watched.isHigh[crossed] = !watched.isHigh[crossed];
    watched.toldAt = nowMs;
    return { measure: crossed, isHigh: watched.isHigh[crossed] };
  }

  /** Those that are no longer sampled begin anew. */
  retain(uids: ReadonlySet<string>): void {
    for (const uid of this.#watched.keys()) if (!uids.has(uid)) this.#watched.delete(uid);
  }
}

const hasCrossed = ({ inARow, isHigh }: Watched, measure: Measure, percent: number | undefined): boolean =>
  isHigh[measure] ? percent !== undefined && percent < NORMAL : inARow[measure] >= IN_A_ROW;
