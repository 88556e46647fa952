import { accessSync, constants, readFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { lastLines, run, runOrThrow, type CommandResult } from './command.ts';

/** Tells a person what takes long. One line, without a full stop. */
export type Progress = (text: string) => void;

/** How this process does what only root may; undefined when it may not. */
export interface RootAccess {
  /** Through `sudo -n`, because this process is not root. */
  viaSudo: boolean;
  command(file: string, args: readonly string[]): [string, string[]];
}

/** Root itself, or sudo that asks for no password. */
export async function rootAccess(): Promise<RootAccess | undefined> {
  if (process.getuid?.() === 0) return { viaSudo: false, command: (file, args) => [file, [...args]] };
  if (findProgram('sudo') === undefined) return undefined;
  if ((await run('sudo', ['-n', 'true'])).status !== 0) return undefined;
  return { viaSudo: true, command: (file, args) => ['sudo', ['-n', file, ...args]] };
}

export function runAsRoot(root: RootAccess, file: string, args: readonly string[]): Promise<CommandResult> {
  return run(...root.command(file, args));
}

/** The program's path, looked for also where a user's PATH has no system programs (Debian). */
export function findProgram(name: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin', '/sbin'];
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

/** Whether the distribution is one whose packages we know: Debian, Ubuntu and what is made of them. */
export function isDebianLike(osRelease = readOsRelease()): boolean {
  const ids = osRelease
    .split('\n')
    .filter((line) => /^ID(_LIKE)?=/.test(line))
    .flatMap((line) =>
      line
        .slice(line.indexOf('=') + 1)
        .replaceAll('"', '')
        .split(' '),
    );
  return ids.some((id) => id === 'debian' || id === 'ubuntu') && findProgram('apt-get') !== undefined;
}

/** The package lists are brought up to date once in a process. */
let listsUpdated: Promise<string> | undefined;

/**
 * Installs packages of the distribution. Throws one line that says what to install by hand when this process may
 * not, the distribution is another one, or apt fails.
 */
export async function ensurePackages(names: readonly string[], progress: Progress = () => undefined): Promise<void> {
  const root = await rootAccess();
  if (!isDebianLike())
    throw new Error(`install ${names.join(' and ')} with your distribution's package manager, and run this again`);
  if (root === undefined)
    throw new Error(`run as root: apt-get install ${names.join(' ')} (this user has no password-less sudo)`);
  progress(`installing ${names.join(', ')} from the distribution`);
  listsUpdated ??= aptGet(root, ['update']).then((r) =>
    r.status === 0 ? '' : ` (apt-get update: ${lastLines(r.output, 2)})`,
  );
  // A list that could not be updated may still name what is needed: it is the installation that decides.
  const updateFailure = await listsUpdated;
  const { status, output } = await aptGet(root, ['install', '-y', '--no-install-recommends', ...names]);
  if (status !== 0)
    throw new Error(`apt-get install ${names.join(' ')} failed: ${lastLines(output, 3)}${updateFailure}`);
}

/** Waits up to two minutes for another apt to finish; never asks. */
const aptGet = (root: RootAccess, args: readonly string[]): Promise<CommandResult> =>
  runAsRoot(root, 'env', [
    'DEBIAN_FRONTEND=noninteractive',
    'LC_ALL=C',
    'apt-get',
    '-q',
    '-o',
    'DPkg::Lock::Timeout=120',
    ...args,
  ]);

/** The path of a busybox that needs no library of the machine, installed if there is none: what images are made of. */
export async function ensureStaticBusybox(progress?: Progress): Promise<string> {
  const find = () => ['/bin/busybox', '/usr/bin/busybox'].find((path) => isExecutable(path) && isStatic(path));
  const found = find();
  if (found) return found;
  await ensurePackages(['busybox-static'], progress);
  const installed = find();
  if (installed) return installed;
  throw new Error('the package busybox-static is installed but /bin/busybox is not a static program');
}

/** Whether an ELF program asks for no interpreter (program header PT_INTERP, 3). elf(5) */
export function isStatic(path: string): boolean {
  const file = readFileSync(path);
  if (file.length < 64 || file.readUInt32BE(0) !== 0x7f454c46 || file[4] !== 2 || file[5] !== 1) return false;
  const [offset, size, count] = [Number(file.readBigUInt64LE(32)), file.readUInt16LE(54), file.readUInt16LE(56)];
  for (let i = 0; i < count; i++) if (file.readUInt32LE(offset + i * size) === 3) return false;
  return true;
}

/** Installs the packages of which a program is missing. `packages` are by their programs. */
export async function ensurePrograms(packages: Readonly<Record<string, string>>, progress?: Progress): Promise<void> {
  const missing = Object.keys(packages).filter((program) => findProgram(program) === undefined);
  if (missing.length > 0) await ensurePackages([...new Set(missing.map((name) => packages[name] ?? name))], progress);
}

/** For callers that need a command to succeed as root. */
export async function runAsRootOrThrow(root: RootAccess, file: string, args: readonly string[]): Promise<string> {
  return runOrThrow(...root.command(file, args));
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function readOsRelease(): string {
  try {
    return readFileSync('/etc/os-release', 'utf8');
  } catch {
    return '';
  }
}
