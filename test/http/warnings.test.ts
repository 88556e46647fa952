import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { KINDS } from '../../src/kinds/index.ts';
import { ApiClient } from '../../src/cli/client.ts';
import { connectionOf } from '../../src/cli/kubeconfig.ts';
import { warningHeaders } from '../../src/http/warnings.ts';
import { startDaemon } from '../support/daemon.ts';
import type { TestDaemon } from '../support/daemon.ts';
import { call } from '../support/http.ts';
import { instance, pathOf } from '../support/manifests.ts';

let daemon: TestDaemon;
beforeAll(async () => {
  daemon = await startDaemon({ engine: 'simulated' });
});
afterAll(async () => daemon?.stop());

/** As an unknown field's name, which the warning about it repeats. */
const field = fc.oneof(
  fc.string({ unit: 'binary', minLength: 1, maxLength: 40 }),
  fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }),
  fc.constantFrom('größe', '大きさ', 'a"b', 'a\\b', '🙂', '=?utf-8?B?YQ==?=', 'tab\there', 'line\nbreak', '\u007f'),
);

describe('a write that warns', () => {
  let n = 0;
  it('is answered as committed, whatever the warning says (fast-check)', { timeout: 120_000 }, async () => {
    await fc.assert(
      fc.asyncProperty(field, async (name) => {
        const path = `${pathOf('instances')}?fieldValidation=Warn`;
        const body = instance(`i-${n++}`, { image: 'app:1', [name]: 1 });
        const answer = await call(daemon, 'POST', path, { body });
        // What is no text at all is refused before anything is written.
        const written = await call(daemon, 'GET', pathOf('instances', body.metadata.name));
        expect([answer.status, written.status], answer.text).toEqual(
          answer.status === 201 ? [201, 200] : [answer.status, 404],
        );
        expect(answer.status).toBeLessThan(500);
      }),
      { numRuns: 60 },
    );
  });

  it('tells every warning, in its own characters', async () => {
    const told: string[] = [];
    const connection = connectionOf({ kubeconfig: daemon.kubeconfigPath }, {}, '');
    const client = new ApiClient(connection, KINDS, { onWarning: (text) => told.push(text) });
    await client.send('POST', pathOf('instances'), {
      query: { fieldValidation: 'Warn' },
      body: instance('warned', { image: 'app:1', größe: 1, 'a"b': 1 }),
    });
    client.close();
    expect(told).toEqual([expect.stringContaining('größe'), expect.stringContaining('a\\"b')]);
  });
});

describe('warning headers', () => {
  it('are printable ASCII and short, whatever they say (fast-check)', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary', maxLength: 600 }), { maxLength: 40 }), (warnings) => {
        const headers = warningHeaders(warnings);
        expect(headers.every((header) => /^[\x20-\x7e]*$/.test(header))).toBe(true);
        expect(headers.join('').length).toBeLessThanOrEqual(4_096);
      }),
    );
  });
});
