import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { isReady, refOf } from '../src/api/metadata.ts';
import { load } from '../src/admission/load.ts';
import { World } from '../src/proof/world.ts';

const EXAMPLES = fileURLToPath(new URL('../examples/', import.meta.url));
const files = (await readdir(EXAMPLES, { recursive: true })).filter((f) => f.endsWith('.yaml'));

describe('examples', () => {
  it.each(files)('%s is applied, becomes Ready, and is deleted without a trace', async (file) => {
    const world = new World();
    const daemon = await world.start();
    onTestFinished(() => daemon.stop());
    const { documents, problems } = load(await readFile(join(EXAMPLES, file), 'utf8'), file);
    expect(problems).toEqual([]);
    const applied = [];
    for (const { document } of documents)
      applied.push(await daemon.apply(document as unknown as Parameters<typeof daemon.apply>[0]));
    await daemon.settle(15_000);
    for (const r of applied.filter(({ kind }) => world.kinds.must(kind).reconciled))
      expect(
        isReady(daemon.get(r.kind, r.metadata.name, refOf(r).namespace) ?? r),
        `${r.kind}/${r.metadata.name}`,
      ).toBe(true);
    for (const r of world.documents) await daemon.delete(refOf(r));
    await daemon.settle(15_000);
    expect(world.documents.length + world.engine.containers.size + world.engine.networks.byId.size).toBe(0);
  });
});
