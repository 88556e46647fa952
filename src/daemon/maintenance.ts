import { sleep } from '../base/clock.ts';
import type { Config } from '../base/config.ts';
import { messageOf } from '../base/errors.ts';
import { findOrphans } from '../operator/orphans.ts';
import type { ApiContext } from '../http/context.ts';
import type { MetricsRetention, Retention } from '../store/store.ts';

const HOUR_MS = 3_600_000;
const CERTIFICATES_EVERY_MS = 24 * HOUR_MS;
const COMPACT_EVERY_MS = 10 * 60_000;
const ORPHANS_EVERY_MS = 60_000;
const METRICS_EVERY_MS = 60_000;
const METRICS: MetricsRetention = { samplesMs: 24 * HOUR_MS, aggregatesMs: 30 * 24 * HOUR_MS };
/** The window of scaling in is 5 minutes; the rest is for who asks why. */
const RECOMMENDATIONS_MS = HOUR_MS;
/** However young, no more rows than these are kept: bounds the database. */
const CHANGES_MAX = 200_000;
const LOG_MAX = 100_000;

/** What is done from time to time: certificates renewed, history compacted, orphans told of. */
export function startChores(
  config: Config,
  context: ApiContext,
  renewCertificates: () => Promise<void>,
  signal: AbortSignal,
): void {
  const { store, clock, log } = context;
  const every = async (ms: number, what: string, chore: () => Promise<unknown>) => {
    for (;;) {
      await sleep(clock, ms, signal);
      if (signal.aborted) return;
      await chore().catch((error: unknown) =>
        log.warn({ chore: what, err: messageOf(error) }, 'a chore failed; trying again later'),
      );
    }
  };
  const hours = (text: string) => Number(text) * HOUR_MS;
  const retention: Retention = {
    changesMs: hours(config.keepHistory),
    changesMax: CHANGES_MAX,
    eventsMs: hours(config.keepEvents),
    logMs: hours(config.keepLog),
    logMax: LOG_MAX,
  };
  const told = new Set<string>();
  void every(CERTIFICATES_EVERY_MS, 'certificates', renewCertificates);
  void every(
    COMPACT_EVERY_MS,
    'compaction',
    async () => context.leader.isLeading() && store.compact(retention, clock.now()),
  );
  // Not by node-cron: its time is the process's own and cannot be stepped, and a roll-up needs no time of day: it makes
  // what is missing, whenever it runs. In this order: nothing is pruned before its aggregates are made.
  void every(METRICS_EVERY_MS, 'metrics', async () => {
    if (!context.leader.isLeading()) return;
    for (const series of [store.metrics, store.traffic]) {
      await series.rollUp(clock.now());
      await series.prune(clock.now(), METRICS);
    }
    await store.recommendations.prune(new Date(clock.now().getTime() - RECOMMENDATIONS_MS));
  });
  void every(ORPHANS_EVERY_MS, 'orphans', async () => {
    const found = await findOrphans(context.compute, await store.current(), context.installation);
    for (const orphan of found.state === 'present' ? found.value : []) {
      if (told.has(orphan.id) || orphan.type === 'volume') continue;
      told.add(orphan.id);
      log.warn(
        { type: orphan.type, id: orphan.id, name: orphan.name },
        'an object has our mark and no document owns it; see miniaws orphans',
      );
    }
  });
}
