import { expect, test } from 'vitest';
import { appliedCommits } from '../../../src/kinds/git-sync/cli/commits.ts';
import type { GitSync, GitSyncStatus } from '../../../src/kinds/git-sync/types.ts';

const at = (commit: string, minute = 0) => ({ commit, at: `2026-01-01T00:0${minute}:00.000Z` });
const version = (reason: string, status: GitSyncStatus, pinned?: string) =>
  ({
    kind: 'GitSync',
    spec: pinned === undefined ? {} : { pin: { commit: pinned } },
    status: { ...status, conditions: [{ type: 'Ready', reason }] },
  }) as unknown as GitSync;

test('the commits of a history: each once, how it ended, and why it was gone back to', () => {
  const a = at('a', 0);
  const b = at('b', 1);
  const rolledBack = { from: 'b', to: 'a', why: 'Instance default/web: CrashLoop' };
  const versions = [
    version('Fetching', {}),
    version('ObjectsNotReady', { applied: a }),
    version('Synced', { applied: a, healthy: a }),
    version('ObjectsNotReady', { applied: b, healthy: a }),
    version('HealthCheckFailed', { applied: b, healthy: a }),
    version('RolledBack', { applied: at('a', 2), healthy: a, rolledBack }),
    version('Synced', { applied: at('c', 3), healthy: at('c', 3) }),
    version('Synced', { applied: at('a', 4), healthy: at('a', 4) }, 'a'),
  ];
  expect(appliedCommits(versions)).toEqual([
    { ...a, isHealthy: true, reason: 'Synced' },
    { ...b, isHealthy: false, reason: 'HealthCheckFailed' },
    { ...at('a', 2), isHealthy: true, reason: 'RolledBack', note: 'went back from b: Instance default/web: CrashLoop' },
    { ...at('c', 3), isHealthy: true, reason: 'Synced' },
    { ...at('a', 4), isHealthy: true, reason: 'Synced', note: 'pinned' },
  ]);
});
