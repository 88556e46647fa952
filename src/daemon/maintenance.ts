import { setMaxListeners } from 'node:events';
import { sleep } from '../base/clock.ts';
import type { Config } from '../base/config.ts';
import { messageOf } from '../base/errors.ts';
import { findOrphans } from '../operator/orphans.ts';
import type { Chore } from '../kinds/shared/kind-module.ts';
import type { ApiContext } from '../http/context.ts';
import { AUDIT } from '../store/audit.ts';
import type { Retention } from '../store/store.ts';

const HOUR_MS = 3_600_000;
const CERTIFICATES_EVERY_MS = 24 * HOUR_MS;
const COMPACT_EVERY_MS = 10 * 60_000;
const ORPHANS_EVERY_MS = 60_000;
/** So long a daemon may encrypt under the key from before after another one has rotated it. */
const MASTER_KEY_EVERY_MS = 60_000;
/** However young, no more rows than these are kept: bounds the database. */
const CHANGES_MAX = 200_000;
const LOG_MAX = 100_000;

/** What is done from time to time: certificates renewed, history compacted, orphans told of. */
export function startChores(
  config: Config,
  context: ApiContext,
  ofKinds: readonly Chore[],
  own: { renewCertificates: () => Promise<void>; agreeOnMasterKey: () => Promise<void> },
  signal: AbortSignal,
): void {
  const { store, clock, log } = context;
  // Each of them waits for its time, or the end.
  setMaxListeners(0, signal);
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
  const reported = new Set<string>();
  void every(CERTIFICATES_EVERY_MS, 'certificates', own.renewCertificates);
  void every(MASTER_KEY_EVERY_MS, 'master key', own.agreeOnMasterKey);
  void every(
    COMPACT_EVERY_MS,
    'compaction',
    async () => context.leader.isLeading() && store.compact(retention, clock.now()),
  );
  void every(
    COMPACT_EVERY_MS,
    'audit',
    async () =>
      context.leader.isLeading() &&
      store.beside(AUDIT).prune(new Date(clock.now().getTime() - hours(config.keepAudit))),
  );
  for (const { name, everyMs, run, byEach } of ofKinds)
    void every(everyMs, name, async () => (byEach || context.leader.isLeading()) && run());
  void every(ORPHANS_EVERY_MS, 'orphans', async () => {
    const found = await findOrphans(context.compute, await store.current(), context.installation);
    for (const orphan of found.state === 'present' ? found.value : []) {
      if (reported.has(orphan.id) || orphan.type === 'volume') continue;
      reported.add(orphan.id);
      log.warn(
        { type: orphan.type, id: orphan.id, name: orphan.name },
        'an object has our mark and no document owns it; see miniaws orphans',
      );
    }
  });
}
