import { createInflate } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SpdyConnection } from '../../../src/http/spdy/connection.ts';
import type { SpdyStream, StreamReader } from '../../../src/http/spdy/connection.ts';
import { controlFrame, dataFrames, FrameParser, RESET, TYPE } from '../../../src/http/spdy/frames.ts';
import type { Frame } from '../../../src/http/spdy/frames.ts';
import { DICTIONARY, emptyHeaders, HeaderReader } from '../../../src/http/spdy/headers.ts';
import { eventually } from '../../support/wait.ts';
import { HeaderWriter, SpdyClient } from './client.ts';

/** The parts of a data frame put together. */
function joined(frames: readonly Frame[]): object[] {
  const all: { stream: number; text: string; fin: boolean }[] = [];
  const rest: object[] = [];
  for (const frame of frames) {
    if (frame.is === 'control') rest.push({ ...frame, body: frame.body.toString('hex') });
    else {
      const last = all.at(-1);
      if (last?.stream === frame.stream && !last.fin)
        Object.assign(last, { text: last.text + frame.data.toString('hex'), fin: frame.fin });
      else all.push({ stream: frame.stream, text: frame.data.toString('hex'), fin: frame.fin });
    }
  }
  return [...all, ...rest];
}

describe('frames', () => {
  it('are the same however they are cut', () => {
    const bytes = fc.uint8Array({ maxLength: 100 }).map((array) => Buffer.from(array));
    const frame = fc.oneof(
      fc
        .tuple(fc.integer({ min: 1, max: 2 ** 31 - 1 }), bytes, fc.boolean())
        .map(([id, data, fin]) => dataFrames(id, data, fin)),
      fc.tuple(fc.integer({ min: 1, max: 9 }), bytes).map(([type, body]) => controlFrame(type, body)),
    );
    fc.assert(
      fc.property(fc.array(frame, { maxLength: 8 }), fc.array(fc.integer({ min: 1, max: 40 })), (frames, cuts) => {
        const wire = Buffer.concat(frames);
        const parser = new FrameParser();
        const cut: Frame[] = [];
        let at = 0;
        for (const size of [...cuts, wire.length + 1]) {
          cut.push(...parser.push(wire.subarray(at, at + size)));
          at += size;
        }
        expect(joined(cut)).toEqual(joined([...new FrameParser().push(wire)]));
      }),
    );
  });

  it('that are too long, or of another version, are refused before they are there', () => {
    const push = (bytes: Buffer) => [...new FrameParser().push(bytes)];
    const head = controlFrame(TYPE.synStream, Buffer.alloc(0));
    head.writeUIntBE(0xffffff, 5, 3);
    expect(() => push(head)).toThrow('longer than');
    expect(() => push(Buffer.from('GET / HTTP/1.1\r\n\r\n').fill(0x80, 0, 1))).toThrow('version');
  });

  it('of much data are short, so that streams take turns', () => {
    const frames = [...new FrameParser().push(dataFrames(1, Buffer.alloc(100_000, 7), true))];
    expect(frames.length).toBeGreaterThan(2);
    expect(frames.map((frame) => frame.fin)).toEqual([...frames.slice(1).map(() => false), true]);
  });
});

describe('headers', () => {
  it('are read in their order, out of one zlib stream', async () => {
    const [writer, reader] = [new HeaderWriter(), new HeaderReader()];
    for (const requestid of ['0', '1', '2']) {
      const headers = { streamtype: 'data', port: '80', requestid };
      expect(Object.fromEntries(await reader.read(await writer.write(headers)))).toEqual(headers);
    }
    reader.close();
  });

  it('that unpack to too much, or are no zlib, or cut short, are refused', async () => {
    const bomb = await new HeaderWriter().write({ a: 'x'.repeat(10_000_000) });
    await expect(new HeaderReader().read(bomb)).rejects.toThrow('larger than');
    await expect(new HeaderReader().read(Buffer.from('no zlib at all'))).rejects.toThrow();
    await expect(new HeaderReader().read(Buffer.alloc(0))).rejects.toThrow('cut short');
  });

  it('of ours are none, as zlib with the dictionary has it', async () => {
    const inflate = createInflate({ dictionary: DICTIONARY });
    const parts: Buffer[] = [];
    inflate.on('data', (part: Buffer) => parts.push(part));
    for (const isFirst of [true, false, false]) inflate.write(emptyHeaders(isFirst));
    await eventually('three blocks', () => Buffer.concat(parts).length === 12);
    expect(Buffer.concat(parts)).toEqual(Buffer.alloc(12));
  });
});

describe('a connection', () => {
  function serve(reader: (stream: SpdyStream) => StreamReader) {
    const client = new SpdyClient();
    const connection = new SpdyConnection(client.server);
    const ended = connection.serve(reader, () => undefined);
    ended.catch(() => undefined);
    return { client, connection, ended };
  }
  /** Says back what it is told. */
  const echo = (stream: SpdyStream): StreamReader => ({
    data: (data) => stream.write(data),
    end: () => stream.end(),
  });

  it('carries streams both ways, to the end of each side', async () => {
    const { client, ended } = serve(echo);
    await client.open(1, { streamtype: 'data' });
    await client.open(3, { streamtype: 'data' });
    client.say(1, 'one');
    client.say(3, 'three', true);
    client.say(1, ' more', true);
    await eventually('both to end', () => client.hasEnded(1) && client.hasEnded(3));
    expect([client.text(1), client.text(3)]).toEqual(['one more', 'three']);
    expect(client.control(TYPE.synReply).map((body) => body.readUInt32BE(0))).toEqual([1, 3]);
    client.send(controlFrame(TYPE.ping, 9));
    await eventually('an answer', () => client.control(TYPE.ping).length === 1);
    client.send(controlFrame(TYPE.goAway, 0, 0));
    await ended;
  });

  it('tells a stream that it is over when it is reset, and when the client goes', async () => {
    const closed: string[] = [];
    const { client, ended } = serve(({ headers }) => ({ closed: () => closed.push(headers.get('port') ?? '') }));
    await client.open(1, { port: '1' });
    await client.open(3, { port: '3' });
    client.send(controlFrame(TYPE.rstStream, 1, RESET.cancel));
    await eventually('the first', () => closed.length === 1);
    client.end();
    await ended;
    expect(closed).toEqual(['1', '3']);
  });

  it('refuses more streams than it holds, and ends with a client that goes back in their numbers', async () => {
    const { client, ended } = serve(() => ({}));
    for (let i = 0; i < 513; i++) await client.open(2 * i + 1, { port: String(i) });
    await eventually('a refusal', () => client.control(TYPE.rstStream).length === 1);
    expect(client.control(TYPE.rstStream)[0]!.readUInt32BE(4)).toBe(RESET.refusedStream);
    await client.open(1, {});
    await expect(ended).rejects.toThrow('cannot open stream 1');
  });

  it('reads no further while a stream has no room', async () => {
    let room: () => void = () => undefined;
    let bytes = 0;
    const { client } = serve(() => ({
      data(data) {
        bytes += data.length;
        return new Promise((resolve) => (room = resolve));
      },
    }));
    await client.open(1, {});
    client.say(1, 'x'.repeat(1_000_000));
    await eventually('the first piece', () => bytes > 0);
    const first = bytes;
    expect(first).toBeLessThan(100_000);
    room();
    await eventually('the next piece', () => bytes > first);
  });
});
