import { systemClock } from '../../src/base/clock.ts';
import { Authenticator } from '../../src/http/auth.ts';
import { authorize } from '../../src/http/permissions.ts';
import { KeyAuthenticator } from '../../src/kinds/api-key/authenticator.ts';
import { apiKeyKind } from '../../src/kinds/api-key/definition.ts';
import { issued, withTokens } from '../../src/kinds/api-key/tokens.ts';
import type { ApiKey } from '../../src/kinds/api-key/types.ts';
import { newToken } from '../../src/base/token.ts';
import { KINDS } from '../../src/kinds/index.ts';
import { MemoryDatabase, openMemoryStore } from '../../src/store/memory-store.ts';
import { atMost, percentile } from './figure.ts';
import type { Benchmark } from './figure.ts';

const KEYS = 10_000;
const RULES = 20;
const REQUESTS = 100_000;
const GOAL_MS = 0.05;
/** Keys that one commit makes. */
const PART = 500;

/** What asking who it is and whether they may adds to a GET, with the code that stands in front of every route. */
export const authn: Benchmark = {
  name: 'authn',
  async run(workshop) {
    const store = await openMemoryStore(new MemoryDatabase(systemClock), KINDS, undefined);
    const tokens = Array.from({ length: KEYS }, newToken);
    for (let from = 0; from < KEYS; from += PART) {
      const keys = tokens.slice(from, from + PART).map((token, i) => keyOf(from + i, token));
      await store.commit({ decide: () => ({ put: keys }) });
    }
    const auth = new Authenticator([new KeyAuthenticator(store, KINDS, systemClock)], systemClock);
    const took = new Float64Array(REQUESTS);
    for (let n = 0; n < REQUESTS; n++) {
      if (n % 10_000 === 0) workshop.signal.throwIfAborted();
      const key = (n * 7_919) % KEYS;
      const attributes = {
        verb: 'get',
        resource: 'instances',
        subresource: '',
        namespace: `team-${key % 100}`,
        name: 'web',
      };
      const began = performance.now();
      const credential = await auth.authenticate(`Bearer ${tokens[key]}`, '127.0.0.1');
      authorize(credential, attributes, { verb: 'get' }, KINDS);
      took[n] = performance.now() - began;
    }
    await store.close();
    const value = percentile(took, 50);
    return [
      {
        name: 'authn/p50',
        value,
        unit: 'ms',
        samples: REQUESTS,
        goal: atMost(value, GOAL_MS, `<= ${GOAL_MS} ms`),
        note: `${KEYS} keys of ${RULES} rules; p99 ${percentile(took, 99).toFixed(3)} ms`,
      },
    ];
  },
};

/** The last of its rules is the one that allows. */
function keyOf(n: number, token: string): ApiKey {
  const rules = Array.from({ length: RULES }, (_, i) => ({
    verbs: ['get', 'list', 'watch'],
    resources: i === RULES - 1 ? ['instances', 'instances/log'] : ['configmaps', 'scalinggroups'],
    namespaces: [`team-${n % 100}`, `other-${i}`],
  }));
  const document = {
    apiVersion: apiKeyKind.apiVersion,
    kind: apiKeyKind.kind,
    metadata: { name: `key-${n}`, uid: crypto.randomUUID(), generation: 1, creationTimestamp: '2026-01-01T00:00:00Z' },
    spec: { userId: `user-${n}`, rules },
  };
  return withTokens(document as unknown as ApiKey, [issued(token, new Date())]);
}
