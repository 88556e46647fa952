import { PassThrough } from 'node:stream';
import { expect, it } from 'vitest';
import { processIo } from '../../../src/cli/io.ts';
import { KINDS } from '../../../src/kinds/index.ts';
import type { Job } from '../../../src/kinds/bucket/cli/transfer/job.ts';
import { Meter } from '../../../src/kinds/bucket/cli/transfer/meter.ts';

const MIB = 1 << 20;
const job = (path: string, sizeBytes: number): Job => ({
  does: 'upload',
  from: { at: 'file', path },
  sizeBytes,
  run: async () => undefined,
});

/** What is written to a standard error that is this. */
function told(stderr: object): string {
  const cursor = { cursorTo: () => true, clearLine: () => true, moveCursor: () => true };
  const stream = Object.assign(new PassThrough(), cursor, stderr);
  const meter = new Meter({ ...processIo, env: {}, stderr: stream }, KINDS);
  const [large, small] = [job('large', 4 * MIB), job('small', 1)];
  meter.begun(large);
  meter.begun(small);
  meter.moved(large, MIB);
  meter.ended(small);
  meter.clear();
  return String(stream.read() ?? '');
}

it('bars of large files on a terminal, and nothing where no line can be written anew', () => {
  expect(told({ isTTY: true, columns: 80 })).toMatch(/0 done, 1Mi, .*\/s {2}\.\/large █{5}░{15} 25 %/);
  expect(told({ isTTY: true, columns: 0 })).toBe('');
  expect(told({ isTTY: false })).toBe('');
});
