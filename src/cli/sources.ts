import { open, readdir, readlink, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { MAX_BYTES } from '../admission/load.ts';
import type { Problem } from '../admission/load.ts';
import { codeOf, messageOf } from '../base/errors.ts';

/** Text of manifests and where it came from. */
export interface Source {
  /** As a person gave it; `-` is `stdin`. */
  file: string;
  text: string;
  /** Where a file is; what is no file is nowhere. */
  folder?: string;
}

export interface Sources {
  sources: Source[];
  problems: Problem[];
}

interface ReadOptions {
  recursive: boolean;
  stdin: Readable;
  signal: AbortSignal;
}

const MANIFEST = /\.(ya?ml|json)$/i;
/** A folder with more manifests than this is most likely not the one that was meant. */
const MAX_FILES = 10_000;
const URL_TIMEOUT_MS = 30_000;
const TOO_LARGE = `more than ${MAX_BYTES} bytes, the most that is read. Split it`;

/** Reads files, folders (their manifests, sorted), `-` and http(s) addresses. What cannot be read is a problem, told with the others. */
export async function readSources(paths: readonly string[], options: ReadOptions): Promise<Sources> {
  const result: Sources = { sources: [], problems: [] };
  const tried = async (file: string, read: () => Promise<void>) => {
    try {
      await read();
    } catch (error) {
      result.problems.push({ file: file === '-' ? 'stdin' : file, message: await whyUnread(file, error) });
    }
  };
  for (const path of paths)
    await tried(path, async () => {
      for (const file of await filesAt(path, options.recursive))
        await tried(file, async () => void result.sources.push(await readOne(file, options)));
    });
  return result;
}

const isAddress = (path: string): boolean => /^https?:\/\//i.test(path);

/** What the path stands for: the manifests of a folder, else itself. */
async function filesAt(path: string, recursive: boolean): Promise<string[]> {
  if (path === '-' || isAddress(path) || !(await stat(path)).isDirectory()) return [path];
  const files = await manifestsIn(path, recursive);
  if (files.length === 0) throw new Error('the folder has no .yaml, .yml or .json file');
  if (files.length > MAX_FILES)
    throw new Error(`the folder has ${files.length} manifests; at most ${MAX_FILES} are read`);
  return files;
}

async function readOne(file: string, options: ReadOptions): Promise<Source> {
  if (file === '-') return { file: 'stdin', text: await bounded(options.stdin) };
  if (isAddress(file)) return { file, text: await readUrl(file, options.signal) };
  return { file, text: await readFile(file), folder: dirname(file) };
}

async function manifestsIn(folder: string, recursive: boolean): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  const found: string[] = [];
  for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) found.push(...(recursive ? await manifestsIn(path, true) : []));
    else if (MANIFEST.test(entry.name)) found.push(path);
  }
  return found;
}

async function readFile(path: string): Promise<string> {
  const file = await open(path, 'r');
  try {
    return await bounded(file.createReadStream({ autoClose: false, end: MAX_BYTES }));
  } finally {
    await file.close();
  }
}

async function readUrl(url: string, signal: AbortSignal): Promise<string> {
  const response = await fetch(url, { signal: AbortSignal.any([signal, AbortSignal.timeout(URL_TIMEOUT_MS)]) });
  if (!response.ok) throw new Error(`the server answered ${response.status} ${response.statusText}`);
  return response.body ? bounded(response.body) : '';
}

/** All of it as text, or an error as soon as it is too much. */
async function bounded(stream: AsyncIterable<Buffer | Uint8Array | string>): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream) {
    chunks.push(Buffer.from(chunk));
    bytes += chunk.length;
    if (bytes > MAX_BYTES) throw new Error(TOO_LARGE);
  }
  return Buffer.concat(chunks).toString('utf8');
}

async function whyUnread(file: string, error: unknown): Promise<string> {
  const cause = (error as { cause?: unknown }).cause ?? error;
  const code = codeOf(error) ?? codeOf(cause);
  if (code === 'ENOENT') {
    const target = await readlink(file).catch(() => undefined);
    return target === undefined ? 'no such file or folder' : `it is a link to ${target}, which does not exist`;
  }
  if (code === 'EACCES') return 'this user may not read it';
  if ((error as Error).name === 'TimeoutError') return `no answer within ${URL_TIMEOUT_MS / 1000} s`;
  return messageOf(cause);
}
