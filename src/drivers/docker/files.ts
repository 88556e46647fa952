import { dirname } from 'node:path/posix';
import { Readable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import type Docker from 'dockerode';
import { extract, pack } from 'tar-stream';
import { PassError } from '../../base/errors.ts';
import { MAX_FILE_BYTES } from '../compute.ts';
import { fileTooLarge } from '../refusals.ts';
import { CHANGE_DEADLINE_MS, translated, type EngineCalls } from './calls.ts';
import { unlessGone, type World } from './world.ts';

/** Of folders that are made on the way to a file. */
const FOLDER_MODE = 0o755;

/** Files in containers of ours, through the Engine's archive calls: they need neither a start nor a path of the host. */
export class DockerFiles {
  readonly #docker: Docker;
  readonly #calls: EngineCalls;
  readonly #world: World;

  constructor(docker: Docker, calls: EngineCalls, world: World) {
    this.#docker = docker;
    this.#calls = calls;
    this.#world = world;
  }

  write(id: string, path: string, content: string, mode: number): Promise<void> {
    return translated(`write ${path} in container ${id.slice(0, 12)}`, async () => {
      await this.#world.ourContainer(id);
      const archive = pack();
      // Those that are there stay out of the archive: it would give them its own mode and owner.
      for (const folder of await this.#missingFolders(id, path)) {
        archive.entry({ name: folder.slice(1), type: 'directory', mode: FOLDER_MODE });
      }
      archive.entry({ name: path.slice(1), mode }, content);
      archive.finalize();
      const tar = await buffer(archive);
      const put = () => this.#docker.getContainer(id).putArchive(tar, { path: '/', noOverwriteDirNonDir: 'true' });
      try {
        await this.#calls.change('writeFile', put);
      } catch (error) {
        // It may have been removed unseen: the next observation shows it.
        await this.#world.lookAtContainer(id).catch(() => undefined);
        throw error;
      }
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

  async #missingFolders(id: string, path: string): Promise<string[]> {
    const missing: string[] = [];
    for (let folder = dirname(path); folder !== '/'; folder = dirname(folder)) {
      if ((await this.#sizeOf(id, folder)) !== undefined) break;
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
