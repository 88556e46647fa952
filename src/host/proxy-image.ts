import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { pack } from 'tar-stream';
import { run, runOrThrow } from './command.ts';
import type { ImageArchive } from './image-archive.ts';
import { ensureStaticBusybox, findProgram, isDebianLike, rootAccess, runAsRoot, type Progress } from './packages.ts';

/** Fixed, so that the same programs give the same bytes everywhere and every time. */
const MTIME = new Date(0);
/** What the proxies' driver runs in the container, and what a person looks around with. */
const APPLETS = ['cat', 'echo', 'grep', 'id', 'kill', 'ls', 'nc', 'ps', 'sed', 'sh', 'sha256sum', 'timeout', 'wget'];
/** As in the registries' image of HAProxy. */
const USER = 'haproxy';
const PASSWD = `root:x:0:0:root:/:/bin/sh
${USER}:x:99:99:${USER}:/:/bin/false
`;
const GROUP = `root:x:0:
${USER}:x:99:
`;
/** Loaded at the end of a thread, and so not among what `ldd` lists. */
const LOADED_LATER = 'libgcc_s.so.1';

/**
 * The image of load balancers where no registry can be reached: the distribution's HAProxy with its libraries, a
 * static busybox, and a user without rights. HAProxy is not installed on this machine: its package is unpacked into a
 * folder of its own. Throws what a person has to do when the distribution is another, or its packages cannot be had.
 */
export async function proxyImage(progress?: Progress): Promise<ImageArchive> {
  const busybox = await ensureStaticBusybox(progress);
  const installed = findProgram('haproxy');
  if (installed !== undefined) return archiveOf(installed, await librariesOf(installed, []), busybox);
  const folder = mkdtempSync(join(tmpdir(), 'miniaws-haproxy-'));
  try {
    progress?.('fetching the distribution’s HAProxy');
    await unpackPackages(folder);
    const program = join(folder, 'usr/sbin/haproxy');
    return await archiveOf(program, await librariesOf(program, await libraryFolders(folder)), busybox);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** HAProxy's package and those of its libraries that this machine does not have. */
async function unpackPackages(folder: string): Promise<void> {
  if (!isDebianLike()) throw new Error("install HAProxy 2.6 or later with your distribution's package manager");
  const fetched = await fetchPackages(folder);
  if (fetched !== undefined) {
    // The lists may be missing, or name versions that are no longer kept.
    const root = await rootAccess();
    if (root !== undefined) await runAsRoot(root, 'apt-get', ['-q', 'update']);
    const again = await fetchPackages(folder);
    if (again !== undefined) throw new Error(`the package haproxy cannot be fetched: ${again}`);
  }
  for (const name of await readdir(folder)) {
    if (name.endsWith('.deb')) await runOrThrow('dpkg-deb', ['-x', join(folder, name), folder]);
  }
}

/** `undefined`: they are in `folder`; else apt's words. */
async function fetchPackages(folder: string): Promise<string | undefined> {
  const apt = (args: readonly string[]) => run('apt-get', args, { cwd: folder, env: { ...process.env, LC_ALL: 'C' } });
  const plan = await apt(['-q', '-s', '--no-install-recommends', 'install', 'haproxy']);
  const names = [...plan.output.matchAll(/^Inst (\S+)/gm)].map(([, name = '']) => name);
  if (plan.status !== 0 || names.length === 0) return lastLine(plan.output);
  const { status, output } = await apt(['-q', 'download', ...names]);
  return status === 0 ? undefined : lastLine(output);
}

/** Where the unpacked packages have libraries. */
async function libraryFolders(folder: string): Promise<string[]> {
  const names = await readdir(folder, { recursive: true });
  return [...new Set(names.filter((name) => /\.so(\.|$)/.test(name)).map((name) => join(folder, dirname(name))))];
}

/** What `program` is loaded with: paths here by paths in the image. */
async function librariesOf(program: string, folders: readonly string[]): Promise<ReadonlyMap<string, string>> {
  const env = { ...process.env, LC_ALL: 'C', LD_LIBRARY_PATH: folders.join(':') };
  const output = await runOrThrow('ldd', [program], { env });
  const missing = [...output.matchAll(/^[ \t]*(\S+) => not found/gm)].map(([, name]) => name);
  if (missing.length > 0) throw new Error(`HAProxy needs libraries that are not here: ${missing.join(', ')}`);
  const found = [...output.matchAll(/^[ \t]*(?:(\S+) => )?(\/\S+) \(0x/gm)];
  // The loader is named by its own path; all else it looks for in /lib.
  const libraries = new Map(
    found.map(([, name, path = '']) => [name === undefined ? path.slice(1) : `lib/${basename(name)}`, path]),
  );
  const later = join(dirname(libraries.get('lib/libc.so.6') ?? '/lib/libc.so.6'), LOADED_LATER);
  if (existsSync(later)) libraries.set(`lib/${LOADED_LATER}`, later);
  return libraries;
}

async function archiveOf(
  program: string,
  libraries: ReadonlyMap<string, string>,
  busybox: string,
): Promise<ImageArchive> {
  const archive = pack();
  const folder = (name: string, mode = 0o755) => archive.entry({ name, type: 'directory', mode, mtime: MTIME });
  const file = (name: string, content: string | Buffer, mode = 0o644) =>
    archive.entry({ name, mode, mtime: MTIME }, content);
  const loaders = [...libraries.keys()].map((path) => dirname(path)).filter((name) => name !== 'lib');
  for (const name of new Set(['bin', 'dev', 'etc', 'lib', 'proc', 'sys', ...loaders.toSorted()])) folder(name);
  folder('tmp', 0o1777);
  file('bin/busybox', readFileSync(busybox), 0o755);
  for (const applet of APPLETS) {
    archive.entry({ name: `bin/${applet}`, type: 'symlink', linkname: 'busybox', mode: 0o777, mtime: MTIME });
  }
  file('bin/haproxy', readFileSync(program), 0o755);
  for (const [name, path] of [...libraries].toSorted(([a], [b]) => (a < b ? -1 : 1)))
    file(name, readFileSync(path), 0o755);
  file('etc/passwd', PASSWD);
  file('etc/group', GROUP);
  archive.finalize();
  return { tar: await buffer(archive), changes: ['ENV PATH=/bin', `USER ${USER}`, 'CMD ["haproxy", "-v"]'] };
}

const lastLine = (text: string): string => text.trim().split('\n').at(-1) ?? '';
