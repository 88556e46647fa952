import { randomUUID } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BytesGoneError } from '../../../src/drivers/objects/bytes.ts';
import type { ObjectBytes } from '../../../src/drivers/objects/bytes.ts';

export async function* chunksOf(bytes: Buffer, size = 100_000): AsyncIterable<Buffer> {
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

/** What every place of bytes promises. */
export function bytesContract(
  what: string,
  open: () => Promise<{ bytes: ObjectBytes; close: () => Promise<void> }>,
): void {
  describe(what, () => {
    let bytes: ObjectBytes;
    let close: (() => Promise<void>) | undefined;
    beforeAll(async () => {
      ({ bytes, close } = await open());
    });
    afterAll(() => close?.());
    const listed = async () => {
      const ids = new Map<string, number>();
      for await (const { id, size } of bytes.list()) ids.set(id, size);
      return ids;
    };

    it.each([0, 1, 1_000, (1 << 20) + 1, 5_000_000])(
      'gives back %d bytes as they were put, and parts of them',
      async (size) => {
        const [id, content] = [randomUUID(), Buffer.alloc(size, 'abcdefghij')];
        expect(await bytes.put(id, chunksOf(content))).toBe(size);
        expect((await buffer(await bytes.get(id))).equals(content)).toBe(true);
        if (size > 1) {
          const [first, last] = [1, size - 1];
          expect((await buffer(await bytes.get(id, { first, last }))).equals(content.subarray(1))).toBe(true);
        }
        await expect(bytes.get(id, { first: 0, last: size })).rejects.toThrow(BytesGoneError);
        expect((await listed()).get(id)).toBe(size);
      },
    );

    it('what comes to no end leaves nothing', async () => {
      const [id, before] = [randomUUID(), await listed()];
      const broken = (async function* () {
        yield Buffer.alloc(3_000_000);
        throw new Error('the client has hung up');
      })();
      await expect(bytes.put(id, broken)).rejects.toThrow('the client has hung up');
      await expect(bytes.get(id)).rejects.toThrow(BytesGoneError);
      expect(await listed()).toEqual(before);
    });

    it('what is put again under an id is replaced, and who reads the old one has it whole', async () => {
      const id = randomUUID();
      await bytes.put(id, chunksOf(Buffer.alloc(2_000_000, 'old')));
      const reading = await bytes.get(id);
      await bytes.put(id, chunksOf(Buffer.alloc(10, 'new')));
      expect((await buffer(reading)).equals(Buffer.alloc(2_000_000, 'old'))).toBe(true);
      expect((await buffer(await bytes.get(id))).toString()).toBe('newnewnewn');
    });

    it('a look tells of the size, and of every change', async () => {
      const id = randomUUID();
      expect(await bytes.look(id)).toBeUndefined();
      await bytes.put(id, chunksOf(Buffer.from('old')));
      const before = await bytes.look(id);
      expect(before).toMatchObject({ size: 3 });
      expect(before).not.toHaveProperty('wrong');
      expect(await bytes.look(id)).toEqual(before);
      await bytes.put(id, chunksOf(Buffer.from('new')));
      expect((await bytes.look(id))?.version).not.toBe(before?.version);
    });

    it('what is deleted is gone, and may be deleted again', async () => {
      const id = randomUUID();
      await bytes.put(id, chunksOf(Buffer.from('x')));
      await bytes.delete([id, randomUUID()]);
      await bytes.delete([id]);
      await expect(bytes.get(id)).rejects.toThrow(BytesGoneError);
      expect((await listed()).has(id)).toBe(false);
      expect(await bytes.outage()).toBeUndefined();
    });
  });
}
