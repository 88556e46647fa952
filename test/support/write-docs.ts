import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { pages, readPage, withTable } from './docs.ts';

/** `npm run docs`: the tables of the pages, made anew from the code. */
for (const page of pages()) {
  const text = await readPage(page.path);
  const made = withTable(text, page);
  if (made === text) continue;
  await writeFile(fileURLToPath(new URL(`../../${page.path}`, import.meta.url)), made);
  process.stdout.write(`${page.path}: its table is new\n`);
}
