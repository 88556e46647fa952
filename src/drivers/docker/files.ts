import { dirname } from 'node:path/posix';
import { Readable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import type Docker from 'dockerode';
import { extract, pack } from 'tar-stream';
import { PassError } from '../../base/errors.ts';
import type { Clock } from '../../base/clock.ts';
import { sha256 } from '../../base/hash.ts';
import { MAX_FILE_BYTES } from '../compute.ts';
import type { FileChange, FileContent } from '../compute.ts';
import { fileTooLarge } from '../refusals.ts';
import { CHANGE_DEADLINE_MS, translated, type EngineCalls } from './calls.ts';
import { startExec } from './exec.ts';
import { unlessGone, type World } from './world.ts';

/** Of folders that are made on the way to a file. */
const FOLDER_MODE = 0o755;
/** A signal, or nothing, then pairs: a file and where it shall be, or nothing and what shall be gone. */
const REPLACE = `signal=$1; shift
while [ $# -gt 0 ]; do
  if [ -n "$1" ]; then mv -f "$1" "$2" || exit 1; else rm -f "$2" || exit 1; fi
  shift 2
done
[ -z "$signal" ] || kill -s "$signal" 1 || exit 2`;
/** Its exit status when all but the signal has come to pass. */
const NOT_SIGNALLED = 2;

/** In the same folder, so that a rename is one step; under a name that no pattern of a program's matches. */
const besideOf = (path: string): string =>
  `${dirname(path) === '/' ? '' : dirname(path)}/.miniaws-${sha256(path).slice(0, 12)}`;

const namesOf = (files: readonly FileContent[]): string => {
  const [first, ...rest] = files.map(({ path }) => path);
  return rest.length === 0 ? (first ?? 'files') : `${first} and ${rest.length} more`;
};

/** Files in containers of ours, through the Engine's archive calls: they need neither a start nor a path of the host. */
export class DockerFiles {
  readonly #docker: Docker;
  readonly #calls: EngineCalls;
  readonly #world: World;
  readonly #clock: Clock;

  constructor(docker: Docker, calls: EngineCalls, world: World, clock: Clock) {
    this.#docker = docker;
    this.#calls = calls;
    this.#world = world;
    this.#clock = clock;
  }

  write(id: string, files: readonly FileContent[]): Promise<void> {
    return translated(`write ${namesOf(files)} in container ${id.slice(0, 12)}`, async () => {
      await this.#world.ourContainer(id);
      await this.#put(id, files);
    });
  }

  /**
   * Each is written beside its place and renamed. The process is told from inside: one that the Engine signals itself
   * counts as stopped by a person, and is not restarted when it ends later (Engine 20.10, `killWithSignal`).
   */
  replace(id: string, { files, removed, signal }: FileChange): Promise<'renamed' | 'written'> {
    return translated(`replace ${namesOf(files)} in container ${id.slice(0, 12)}`, async () => {
      await this.#world.ourContainer(id);
      const beside = files.map((file) => ({ ...file, path: besideOf(file.path) }));
      if (beside.length > 0) await this.#put(id, beside);
      const renames = files.flatMap(({ path }, at) => [beside[at]?.path ?? '', path]);
      const removals = removed.flatMap((path) => ['', path]);
      const command = ['/bin/sh', '-c', REPLACE, 'sh', signal ?? '', ...renames, ...removals];
      const exitCode = await this.#calls.change('replaceFiles', () => this.#runAsRoot(id, command));
      if (exitCode === 0) return 'renamed';
      if (exitCode !== NOT_SIGNALLED) {
        const emptied = [...removed, ...beside.map(({ path }) => path)].map((path) => ({
          path,
          content: '',
          mode: 0o444,
        }));
        await this.#put(id, [...files, ...emptied]);
      }
      const kill = () => this.#docker.getContainer(id).kill({ signal: `SIG${signal}` });
      if (signal !== undefined) await this.#calls.change('signalContainer', kill);
      return exitCode === NOT_SIGNALLED ? 'renamed' : 'written';
    });
  }

  read(id: string, path: string): Promise<string | undefined> {
    return translated(`read ${path} in container ${id.slice(0, 12)}`, async () => {
      if (!(await this.#world.ourContainer(id))) return undefined;
      // The question is a hundred times cheaper than the answer, and tells the size beforehand.
      const size = await this.#sizeOf(id, path);
      if (size === undefined) return undefined;
      if (size > MAX_FILE_BYTES) throw new PassError('Refused', fileTooLarge(path, size, MAX_FILE_BYTES));
      const get = () => this.#docker.getContainer(id).getArchive({ path });
      const read = async () => onlyFile((await get()) as Readable);
      return unlessGone(this.#calls.raw('readFile', read, CHANGE_DEADLINE_MS));
    });
  }

  async #put(id: string, files: readonly FileContent[]): Promise<void> {
    const archive = pack();
    const made = new Set<string>();
    // Those that are there stay out of the archive: it would give them its own mode and owner.
    for (const { path } of files) for (const folder of await this.#missingFolders(id, path, made)) made.add(folder);
    for (const folder of made) archive.entry({ name: folder.slice(1), type: 'directory', mode: FOLDER_MODE });
    for (const { path, content, mode, uid = 0, gid = 0 } of files) {
      // The plain header has six octal digits for each, and the archive's writer cuts off what is more.
      const pax = Math.max(uid, gid) > 0o777777 ? { pax: { uid: String(uid), gid: String(gid) } } : {};
      archive.entry({ name: path.slice(1), mode, uid, gid, ...pax }, content);
    }
    archive.finalize();
    const tar = await buffer(archive);
    const put = () => this.#docker.getContainer(id).putArchive(tar, { path: '/', noOverwriteDirNonDir: 'true' });
    try {
      await this.#calls.change('writeFiles', put);
    } catch (error) {
      // It may have been removed unseen: the next observation shows it.
      await this.#world.lookAtContainer(id).catch(() => undefined);
      throw error;
    }
  }

  /** The exit status; what it says is nobody's to read. */
  async #runAsRoot(id: string, command: readonly string[]): Promise<number> {
    const options = { command, tty: false, stdin: false, user: '0' };
    const session = await startExec(this.#docker, this.#calls, this.#clock, id, options);
    const output = session.output[Symbol.asyncIterator]();
    while (!(await output.next()).done);
    return session.exitCode();
  }

  async #missingFolders(id: string, path: string, made: ReadonlySet<string>): Promise<string[]> {
    const missing: string[] = [];
    for (let folder = dirname(path); folder !== '/'; folder = dirname(folder)) {
      if (made.has(folder) || (await this.#sizeOf(id, folder)) !== undefined) break;
      missing.unshift(folder);
    }
    return missing;
  }

  /** `undefined`: there is nothing at this path. */
  async #sizeOf(id: string, path: string): Promise<number | undefined> {
    const info = () => this.#docker.getContainer(id).infoArchive({ path }) as Promise<Readable & { headers: Headers }>;
    const answer = await unlessGone(this.#calls.raw('infoArchive', info));
    answer?.resume();
    const stat = answer?.headers['x-docker-container-path-stat'];
    if (stat === undefined) return undefined;
    return (JSON.parse(Buffer.from(stat, 'base64').toString()) as { size: number }).size;
  }
}

type Headers = Record<string, string | undefined>;

/** The content of the archive's one file. */
async function onlyFile(archive: Readable): Promise<string | undefined> {
  const entries = archive.pipe(extract());
  archive.on('error', (error) => entries.destroy(error));
  for await (const entry of entries) {
    if (entry.header.type === 'file') return await text(entry);
    entry.resume();
  }
  return undefined;
}
