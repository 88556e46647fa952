import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { specSchema } from '../src/api/kind.ts';
import { KINDS } from '../src/kinds/index.ts';
import { SETTINGS } from '../src/base/config.ts';
import { PASS_REASONS, STATUS_REASONS } from '../src/base/errors.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const read = (path: string) => readFile(join(ROOT, path), 'utf8');

describe('the README says what the code does', () => {
  it('every setting is listed with its flag, variable and default', async () => {
    const readme = await read('README.md');
    for (const { flag, env, fallback, description } of Object.values(SETTINGS)) {
      expect(readme).toContain(
        `| \`--${flag}\` | \`${env}\` | ${fallback ? `\`${fallback}\`` : ''} | ${description.replaceAll('|', '\\|')} |`,
      );
    }
  });

  it('every field of every kind is listed with its description', async () => {
    const readme = await read('README.md');
    for (const kind of KINDS) {
      for (const [name, field] of Object.entries(specSchema(kind).properties ?? {}))
        expect(readme, `${kind.kind} ${name}`).toMatch(
          new RegExp(`\\| \`${name}\` \\|[^|]*\\| ${escape(field.description ?? '')} \\|`),
        );
    }
  });

  it('what comes from Compose goes to fields that there are', async () => {
    const table = (await read('src/kinds/instance/from-compose.md')).split('## What is said elsewhere')[0] ?? '';
    const ours = [...table.matchAll(/^\| [^|]+ \| (.+?) \|/gm)].flatMap((row) => [
      ...(row[1] ?? '').matchAll(/`([a-zA-Z]+)[^`]*`/g),
    ]);
    const fields = new Set(KINDS.all.flatMap((kind) => Object.keys(specSchema(kind).properties ?? {})));
    expect(ours.length).toBeGreaterThan(40);
    expect(ours.map((field) => field[1] ?? '').filter((field) => !fields.has(field))).toEqual([]);
  });

  it('every code of every error is listed, and says what happens next', async () => {
    const readme = await read('README.md');
    for (const [reason, move] of Object.entries(PASS_REASONS)) {
      const row = readme.split('\n').find((line) => line.startsWith(`| \`${reason}\``)) ?? '';
      expect(row, reason).toMatch({ retry: /again|goes\s+on/, blocked: /every 30 s/, wait: /waits/ }[move]);
    }
    for (const [reason, code] of Object.entries(STATUS_REASONS))
      expect(readme.replaceAll('\n', ' ')).toContain(`\`${reason}\` ${code}`);
  });

  it.each(['README.md', 'src/README.md'])('every link of %s leads somewhere', async (file) => {
    const links = [...(await read(file)).matchAll(/\]\((?!https?:)([^)#]+)/g)].map((m) => m[1] ?? '');
    expect(links.filter((link) => !existsSync(resolve(ROOT, dirname(file), link)))).toEqual([]);
  });

  it('every example is linked or applied by `up`', async () => {
    const readme = await read('README.md');
    for (const name of await readdir(join(ROOT, 'examples'))) expect(readme).toContain(`examples/${name}`);
  });
});

const escape = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
