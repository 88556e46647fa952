import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const SRC = fileURLToPath(new URL('../src/', import.meta.url));

/** What each folder may import, beside itself. `main`, `daemon` and `commands` put the parts together and may import all. */
const MAY: Record<string, readonly string[]> = {
  base: [],
  api: ['base'],
  admission: ['base', 'api'],
  store: ['base', 'api'],
  drivers: ['base', 'api'],
  host: ['base', 'api'],
  engine: ['base', 'api', 'admission', 'store'],
  http: ['base', 'api', 'admission', 'store', 'drivers', 'engine'],
  s3: ['base', 'api', 'admission', 'store', 'drivers', 'engine', 'http'],
  kinds: ['base', 'api', 'admission', 'store', 'drivers', 'engine', 'http', 's3', 'cli'],
  operator: ['base', 'api', 'admission', 'store', 'drivers', 'engine', 'http', 's3', 'kinds'],
  proof: ['base', 'api', 'admission', 'store', 'drivers', 'engine', 's3', 'kinds', 'operator'],
  cli: ['base', 'api', 'admission'],
};

/** Packages that stop inside their own folder (STYLE: seams speak our nouns). */
const ONLY_IN: Record<string, readonly string[]> = {
  dockerode: ['drivers', 'host'],
  pg: ['store', 'host', 'commands', 's3'],
  'drizzle-orm': ['store', 'kinds', 'operator'],
  fastify: ['http', 's3', 'kinds', 'operator'],
  ajv: ['admission'],
  'fast-xml-parser': ['s3'],
  'hash-wasm': ['s3'],
  '@aws-sdk': ['kinds'],
  croner: ['base'],
  'node-cron': ['base'],
};

async function importsOf(): Promise<{ file: string; layer: string; target: string }[]> {
  const files = (await readdir(SRC, { recursive: true })).filter((f) => f.endsWith('.ts'));
  const found = await Promise.all(
    files.map(async (file) => {
      const text = await readFile(join(SRC, file), 'utf8');
      const targets = [...text.matchAll(/(?:from|import\()\s*'([^']+)'/g)].map((m) => m[1] ?? '');
      return targets.map((target) => ({
        file,
        layer: file.includes('/') ? (file.split('/')[0] ?? '') : 'main',
        target,
      }));
    }),
  );
  return found.flat();
}

/** `kinds/vpc/plan.ts` is of the room `vpc`. */
const roomOf = (file: string): string | undefined => /^kinds\/([^/]+)\//.exec(file)?.[1];

/** The way from a file back to itself, when there is one. */
function circleFrom(start: string, edges: ReadonlyMap<string, readonly string[]>): string | undefined {
  const cameFrom = new Map<string, string>();
  const queue = [start];
  for (let file = queue.shift(); file !== undefined; file = queue.shift()) {
    for (const next of edges.get(file) ?? []) {
      if (next === start) {
        const way = [start];
        for (let at: string | undefined = file; at !== undefined && at !== start; at = cameFrom.get(at))
          way.unshift(at);
        return [start, ...way].join(' -> ');
      }
      if (cameFrom.has(next)) continue;
      cameFrom.set(next, file);
      queue.push(next);
    }
  }
  return undefined;
}

describe('layers', () => {
  it('every import goes down', async () => {
    const wrong = (await importsOf()).flatMap(({ file, layer, target }) => {
      const may = MAY[layer];
      if (!may || !target.startsWith('.')) return [];
      const to = relative(SRC, resolve(SRC, dirname(file), target)).split('/')[0] ?? '';
      return to === layer || may.includes(to) ? [] : [`${file} imports ${to}`];
    });
    expect(wrong).toEqual([]);
  });

  it("S3's wire knows what comes and goes, and nothing of this cloud", async () => {
    const wrong = (await importsOf()).flatMap(({ file, target }) => {
      if (!file.startsWith('s3/wire/') || !target.startsWith('.')) return [];
      const path = relative(SRC, resolve(SRC, dirname(file), target));
      return /^(base|s3\/wire)\//.test(path) ? [] : [`${file} imports ${path}`];
    });
    expect(wrong).toEqual([]);
  });

  it('there is no circle, of types neither', async () => {
    const edges = new Map<string, string[]>();
    for (const { file, target } of await importsOf())
      if (target.startsWith('.'))
        edges.set(file, [...(edges.get(file) ?? []), relative(SRC, resolve(SRC, dirname(file), target))]);
    expect([...edges.keys()].flatMap((file) => circleFrom(file, edges) ?? [])).toEqual([]);
  });

  it('the types of libraries stop at their seam', async () => {
    const wrong = (await importsOf()).flatMap(({ file, layer, target }) => {
      const [name] = Object.keys(ONLY_IN).filter((p) => target === p || target.startsWith(`${p}/`));
      return name === undefined || ONLY_IN[name]?.includes(layer) ? [] : [`${file} imports ${name}`];
    });
    expect(wrong).toEqual([]);
  });

  it('of another room only types and what is public are imported', async () => {
    const wrong = (await importsOf()).flatMap(({ file, target }) => {
      if (!target.startsWith('.')) return [];
      const from = roomOf(file);
      const path = relative(SRC, resolve(SRC, dirname(file), target));
      const to = roomOf(path);
      if (from === undefined || to === undefined || to === from || to === 'shared') return [];
      return /\/(types|public)\.ts$/.test(path) ? [] : [`${file} imports ${path}`];
    });
    expect(wrong).toEqual([]);
  });

  it('what the command loads of a room has no daemon in it', async () => {
    const light = /^kinds\/[^/]+\/((types|schema|[a-z-]+-schema|admission|[a-z-]+-admission|definition)\.ts$|cli\/)/;
    const wrong = (await importsOf()).flatMap(({ file, target }) => {
      if (!light.test(file) || !target.startsWith('.')) return [];
      const to = relative(SRC, resolve(SRC, dirname(file), target)).split('/')[0] ?? '';
      return ['store', 'drivers', 'engine', 'http', 's3', 'host'].includes(to) ? [`${file} imports ${target}`] : [];
    });
    expect(wrong).toEqual([]);
  });

  it('every room with a controller has scenarios, and the proof of every fault runs them', async () => {
    const rooms = (await readdir(join(SRC, 'kinds'), { withFileTypes: true }))
      .filter((entry) => entry.isDirectory() && existsSync(join(SRC, 'kinds', entry.name, 'controller.ts')))
      .map(({ name }) => name);
    const faults = fileURLToPath(new URL('faults/', import.meta.url));
    const proofs = (await readdir(faults)).filter((file) => /^side-effects.*\.test\.ts$/.test(file));
    const text = (await Promise.all(proofs.map((file) => readFile(join(faults, file), 'utf8')))).join('');
    expect(rooms.filter((room) => !text.includes(`'../kinds/${room}/scenarios.ts'`))).toEqual([]);
  });

  it('the engine names no kind', async () => {
    const files = (await readdir(join(SRC, 'engine'))).map((f) => join(SRC, 'engine', f));
    const texts = await Promise.all(files.map((f) => readFile(f, 'utf8')));
    expect(texts.filter((t) => /kinds\//.test(t))).toEqual([]);
  });
});
