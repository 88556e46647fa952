import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import type { FileHandle } from 'node:fs/promises';

/**
 * Loaded before the daemon (`node --import`): counts everything that changes files below FILE_WRITES_BELOW, writes each
 * to the file FILE_WRITES_LOG, and kills the process with -9 at one of them: FILE_WRITES_DIE is `before 3`, `after 3`
 * or, for a write of bytes, `amid 3`, when half of them are written.
 */
const below = process.env['FILE_WRITES_BELOW'] ?? '/nowhere';
const log = process.env['FILE_WRITES_LOG'] ?? '/dev/null';
const [when, at] = (process.env['FILE_WRITES_DIE'] ?? 'never 0').split(' ');
const appendSync = fs.appendFileSync;
let count = 0;

function die(): never {
  process.kill(process.pid, 'SIGKILL');
  // The signal is on its way; nothing else may happen meanwhile.
  for (;;);
}

/** Says that it is about to happen, and dies where that is asked for. Answers its number. */
function begin(name: string, path: string): number {
  const n = ++count;
  appendSync(log, `${name} ${path.slice(below.length)}\n`);
  if (n === Number(at) && when === 'before') die();
  return n;
}

function end(n: number): void {
  if (n === Number(at) && when === 'after') die();
}

const isAmid = (n: number): boolean => n === Number(at) && when === 'amid';
const isOurs = (path: unknown): path is string =>
  typeof path === 'string' && (path === below || path.startsWith(`${below}/`));
const writes = (flags: unknown): boolean =>
  typeof flags === 'number' ? (flags & 3) !== 0 : /[wa+]/.test(String(flags ?? 'r'));

type Call = (...args: unknown[]) => unknown;
const MUTATING = [
  'writeFile',
  'appendFile',
  'rename',
  'link',
  'symlink',
  'mkdir',
  'mkdtemp',
  'chmod',
  'chown',
  'unlink',
  'rm',
  'rmdir',
  'cp',
  'copyFile',
  'truncate',
  'utimes',
];

/** The path that is made or changed: the second of two. */
const target = (name: string, args: readonly unknown[]): unknown =>
  ['rename', 'link', 'symlink', 'cp', 'copyFile'].includes(name) ? args[1] : args[0];

const promises = fs.promises as unknown as Record<string, Call>;
const plain = fs as unknown as Record<string, Call>;
for (const name of MUTATING) {
  const asked = promises[name]!;
  promises[name] = async (...args) => {
    const path = target(name, args);
    if (!isOurs(path)) return asked.apply(fs.promises, args);
    const n = begin(name, path);
    const done = await asked.apply(fs.promises, args);
    end(n);
    return done;
  };
  const sync = plain[`${name}Sync`]!;
  plain[`${name}Sync`] = (...args) => {
    const path = target(name, args);
    if (!isOurs(path)) return sync.apply(fs, args);
    const n = begin(`${name}Sync`, path);
    const done = sync.apply(fs, args);
    end(n);
    return done;
  };
}

const openFile = promises['open']!;
promises['open'] = async (...args) => {
  const [path, flags] = args;
  if (!isOurs(path) || !writes(flags)) return openFile.apply(fs.promises, args);
  const n = begin('open', path);
  const handle = (await openFile.apply(fs.promises, args)) as FileHandle;
  end(n);
  const writeFile = handle.writeFile.bind(handle);
  handle.writeFile = async (data) => {
    const m = begin('write', path);
    if (isAmid(m)) {
      await writeFile(String(data).slice(0, String(data).length / 2));
      die();
    }
    await writeFile(data);
    end(m);
  };
  return handle;
};
const openSync = plain['openSync']!;
plain['openSync'] = (...args) => {
  const [path, flags] = args;
  if (!isOurs(path) || !writes(flags)) return openSync.apply(fs, args);
  const n = begin('openSync', path);
  const descriptor = openSync.apply(fs, args);
  end(n);
  return descriptor;
};
syncBuiltinESMExports();
