import { PassThrough, Readable } from 'node:stream';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { OutputChunk } from '../../../src/drivers/compute.ts';
import { demultiplex, outputOf } from '../../../src/drivers/docker/output.ts';

const frame = (stream: 1 | 2, text: string): Buffer => {
  const header = Buffer.from([stream, 0, 0, 0, 0, 0, 0, 0]);
  header.writeUInt32BE(Buffer.byteLength(text), 4);
  return Buffer.concat([header, Buffer.from(text)]);
};

async function textsOf(chunks: AsyncIterable<OutputChunk>): Promise<Record<'stdout' | 'stderr', string>> {
  const parts: Record<'stdout' | 'stderr', Buffer[]> = { stdout: [], stderr: [] };
  for await (const { stream, data } of chunks) parts[stream].push(data);
  return { stdout: Buffer.concat(parts.stdout).toString(), stderr: Buffer.concat(parts.stderr).toString() };
}

describe('demultiplex', () => {
  it('gives each stream its bytes, however the connection cuts them', async () => {
    const frames = fc.array(fc.record({ stream: fc.constantFrom(1 as const, 2 as const), text: fc.string() }));
    await fc.assert(
      fc.asyncProperty(frames, fc.array(fc.integer({ min: 1, max: 20 })), async (all, sizes) => {
        const bytes = Buffer.concat(all.map(({ stream, text }) => frame(stream, text)));
        const of = (stream: 1 | 2) => all.flatMap((f) => (f.stream === stream ? f.text : [])).join('');
        const texts = await textsOf(demultiplex(Readable.from(cutUp(bytes, sizes), { objectMode: true })));
        expect(texts).toEqual({ stdout: of(1), stderr: of(2) });
      }),
    );
  });
});

describe('outputOf', () => {
  it('reads on only when its reader does', async () => {
    let produced = 0;
    const source = new Readable({
      highWaterMark: 1,
      read() {
        this.push(++produced > 1_000 ? null : frame(1, 'x'));
      },
    });
    const reader = outputOf(source, false)[Symbol.asyncIterator]();
    await reader.next();
    expect(produced).toBeLessThan(10);
    await reader.return?.();
    expect(source.destroyed).toBe(true);
  });

  it('ends when it is told to, without an error', async () => {
    const source = new PassThrough();
    source.write(frame(1, 'one'));
    const stop = new AbortController();
    const seen: string[] = [];
    for await (const chunk of outputOf(source, false, stop.signal)) {
      seen.push(chunk.data.toString());
      stop.abort();
    }
    expect(seen).toEqual(['one']);
    expect(source.destroyed).toBe(true);
  });

  it('throws when the connection breaks', async () => {
    const source = new PassThrough();
    setImmediate(() => source.destroy(Object.assign(new Error('reset'), { code: 'ECONNRESET' })));
    await expect(textsOf(outputOf(source, false))).rejects.toThrow('reset');
  });

  it('takes a terminal as it is', async () => {
    expect(await textsOf(outputOf(Readable.from([Buffer.from('$ ls\r\n')]), true))).toEqual({
      stdout: '$ ls\r\n',
      stderr: '',
    });
  });
});

function* cutUp(bytes: Buffer, sizes: readonly number[]): Generator<Buffer> {
  let at = 0;
  for (let i = 0; at < bytes.length; i++) {
    const size = sizes[i % Math.max(sizes.length, 1)] ?? 7;
    yield bytes.subarray(at, at + size);
    at += size;
  }
}
