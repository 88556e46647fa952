import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { fieldsIn } from '../src/api/fields.ts';
import { specSchema } from '../src/api/kind.ts';
import type { JsonSchema } from '../src/api/kind.ts';
import { KINDS } from '../src/kinds/index.ts';
import { SETTINGS } from '../src/base/config.ts';
import { PASS_REASONS, STATUS_REASONS } from '../src/base/errors.ts';
import { pageOf, pages, readPage, SETTINGS_PAGE, withTable } from './support/docs.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
const OTHERS = [
  'README.md',
  'src/README.md',
  'src/cli/README.md',
  'src/kinds/instance/from-compose.md',
  'test/bench/README.md',
];

describe('the pages say what the code does', () => {
  it.each(pages())('the table of $path is that of the code: npm run docs', async (page) => {
    const text = await readPage(page.path);
    expect(text).toBe(withTable(text, page));
  });

  it('every setting is listed with its flag, variable and default', async () => {
    const page = await readPage(SETTINGS_PAGE);
    for (const { flag, env, fallback, description } of Object.values(SETTINGS)) {
      expect(page).toContain(
        `| \`--${flag}\` | \`${env}\` | ${fallback ? `\`${fallback}\`` : ''} | ${description.replaceAll('|', '\\|')} |`,
      );
    }
  });

  it('every field of every kind is described, and listed with its description', async () => {
    for (const kind of KINDS) {
      const page = await readPage(pageOf(kind));
      const fields = 'spec' in kind.content ? (specSchema(kind).properties ?? {}) : kind.content;
      expect(undescribed({ type: 'object', properties: fields }), kind.kind).toEqual([]);
      for (const [name, field] of Object.entries(fields))
        expect(page, `${kind.kind} ${name}`).toMatch(
          new RegExp(`\\| \`${name}\` \\|[^|]*\\|[^|]*\\| ${escape(field.description ?? '')} \\|`),
        );
    }
  });

  it('every metric that an alert looks at is one of ours', async () => {
    const named = new Set((await readPage(SETTINGS_PAGE)).match(/\bminiaws_[a-z0-9_]+/g));
    const sources = [
      'http/metrics',
      'operator/orphans-route',
      'kinds/instance/http/gauges',
      'kinds/load-balancer/http/gauges',
      'kinds/bucket/http/gauges',
      's3/http/traffic',
    ];
    const source = (await Promise.all(sources.map((path) => readPage(`src/${path}.ts`)))).join('\n');
    const isOurs = (metric: string) => {
      const [, ofKind, value] = /^(miniaws_(?:instance|load_balancer|target)_)(.+)$/.exec(metric) ?? [];
      return ofKind
        ? source.includes(`\`${ofKind}\${`) && source.includes(`['${value}'`)
        : source.includes(`'${metric}'`);
    };
    expect(named.size).toBeGreaterThan(10);
    expect([...named].map((name) => name.replace(/_bucket$/, '')).filter((name) => !isOurs(name))).toEqual([]);
  });

  it('every reason that a kind gives is on its page', async () => {
    for (const kind of KINDS.all.filter(({ reconciled }) => reconciled)) {
      const page = await readPage(pageOf(kind));
      const room = join(ROOT, dirname(pageOf(kind)));
      const files = (await readdir(room)).filter((name) => name.endsWith('.ts'));
      const texts = await Promise.all(files.map((name) => readFile(join(room, name), 'utf8')));
      const reasons = texts.flatMap((text) => [
        ...text.matchAll(/(?:ready|degraded)\(\s*'(?:True|False|Unknown)',\s*'(\w+)'/g),
      ]);
      expect(reasons.length).toBeGreaterThan(2);
      expect(reasons.map((reason) => reason[1] ?? '').filter((reason) => !page.includes(`\`${reason}\``))).toEqual([]);
    }
  });

  it('what comes from Compose goes to fields that there are', async () => {
    const table = (await readPage('src/kinds/instance/from-compose.md')).split('## What is said elsewhere')[0] ?? '';
    const ours = [...table.matchAll(/^\| [^|]+ \| (.+?) \|/gm)].flatMap((row) => [
      ...(row[1] ?? '').matchAll(/`([a-zA-Z]+)[^`]*`/g),
    ]);
    const fields = new Set(KINDS.all.flatMap((kind) => Object.keys(specSchema(kind).properties ?? {})));
    expect(ours.length).toBeGreaterThan(40);
    expect(ours.map((field) => field[1] ?? '').filter((field) => !fields.has(field))).toEqual([]);
  });

  it('every code of every error is listed, and says what happens next', async () => {
    const page = await readPage(SETTINGS_PAGE);
    for (const [reason, move] of Object.entries(PASS_REASONS)) {
      const row = page.split('\n').find((line) => line.startsWith(`| \`${reason}\``)) ?? '';
      expect(row, reason).toMatch({ retry: /again|goes\s+on/, blocked: /every 30 s/, wait: /waits/ }[move]);
    }
    for (const [reason, code] of Object.entries(STATUS_REASONS))
      expect(page.replaceAll('\n', ' ')).toContain(`\`${reason}\` ${code}`);
  });

  it.each([...OTHERS, ...pages().map(({ path }) => path)])('every link of %s leads somewhere', async (file) => {
    const links = [...(await readPage(file)).matchAll(/\]\((?!https?:)([^)\s]+)\)/g)].map((m) => m[1] ?? '');
    const found = await Promise.all(links.map((link) => leads(file, link)));
    expect(links.filter((_, at) => !found[at])).toEqual([]);
  });

  it('every example is linked or applied by `up`', async () => {
    const texts = await Promise.all(['README.md', ...pages().map(({ path }) => path)].map(readPage));
    for (const name of await readdir(join(ROOT, 'examples'))) expect(texts.join('\n')).toContain(`examples/${name}`);
  });
});

/** Fields without a description, those within others too. */
const undescribed = (schema: JsonSchema, path = ''): string[] =>
  fieldsIn(schema).flatMap(({ name, schema: field }) => [
    ...(field.description ? [] : [`${path}${name}`]),
    ...undescribed(field, `${path}${name}.`),
  ]);

/** The file is there, and in it the heading that the fragment names. */
async function leads(from: string, link: string): Promise<boolean> {
  const [path = '', fragment] = link.split('#');
  const file = path === '' ? join(ROOT, from) : resolve(ROOT, dirname(from), path);
  if (!existsSync(file)) return false;
  if (fragment === undefined) return true;
  const headings = [...(await readFile(file, 'utf8')).matchAll(/^#+ (.+)$/gm)].map((m) => m[1] ?? '');
  return headings.map(slug).includes(fragment);
}

/** GitHub's. */
const slug = (heading: string): string =>
  heading
    .toLowerCase()
    .replaceAll(/[^\w\- ]/g, '')
    .replaceAll(' ', '-');

const escape = (text: string) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
