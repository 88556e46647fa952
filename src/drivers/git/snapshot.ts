import type { GitCommand } from './command.ts';
import { fetchBlobs, type FetchOptions } from './fetch.ts';
import { FileBudget } from './file-budget.ts';
import { selectionOf } from './file-filter.ts';
import type { GitSource, Snapshot } from './git.ts';
import { KnownFiles } from './known-files.ts';
import { CacheBroken, type Repository } from './repository.ts';
import { folderPatternOf, foldersOf, linkedFile, linkTarget, selectFrom } from './selected-tree.ts';

/** What is read of a commit that is in the repository. Files that are selected and missing are fetched, in one go. */
export async function snapshotOf(
  source: GitSource,
  sha: string,
  git: GitCommand,
  repository: Repository,
  fetching: FetchOptions,
  known?: Snapshot,
): Promise<Snapshot> {
  const { limits } = fetching;
  const where = git.remote.url;
  const pattern = folderPatternOf(source.path);
  const selection = selectionOf(source.filter, pattern.segments.length);
  const knownFiles = new KnownFiles(known);
  const objects = new Objects(git, repository, fetching, knownFiles);
  const commit = await repository.commit(sha);
  const entries = await repository.tree(sha, pattern.base);
  const { folders, files } = selectFrom(entries, pattern, selection, limits, where);
  const targets = await linkTargets(
    files.filter(({ link }) => link),
    sha,
    repository,
    objects,
    where,
  );
  const wanted = files.map(({ folder, path, oid }) => ({ folder, path, oid: targets.get(path) ?? oid }));
  const contents = await objects.contentsOf(wanted);
  return {
    commit,
    folders: foldersOf(
      folders,
      wanted.map(({ folder, path, oid }, i) => ({
        folder,
        file: knownFiles.file({ path, id: oid, content: contents[i] as Buffer }),
      })),
    ),
  };
}

/** The objects of the files that links lead to, by the links' paths. */
async function linkTargets(
  links: readonly { path: string; oid: string }[],
  sha: string,
  repository: Repository,
  objects: Objects,
  where: string,
): Promise<Map<string, string>> {
  if (links.length === 0) return new Map();
  const contents = await objects.contentsOf(links);
  const targets = links.map(({ path }, i) => ({ path, target: linkTarget(path, String(contents[i]), where) }));
  const found = await repository.entries(
    sha,
    targets.map(({ target }) => target),
  );
  const entries = new Map(found.map((entry) => [entry.path, entry]));
  return new Map(targets.map(({ path, target }) => [path, linkedFile(path, target, entries, where)]));
}

/** Contents of files, of which some are known, and some have to be fetched. */
class Objects {
  readonly #git: GitCommand;
  readonly #repository: Repository;
  readonly #fetching: FetchOptions;
  readonly #known: KnownFiles;

  constructor(git: GitCommand, repository: Repository, fetching: FetchOptions, known: KnownFiles) {
    this.#git = git;
    this.#repository = repository;
    this.#fetching = fetching;
    this.#known = known;
  }

  /** In the order of the files. */
  async contentsOf(files: readonly { path: string; oid: string }[]): Promise<Buffer[]> {
    const oids = [...new Set(files.map(({ oid }) => oid))].filter((oid) => !this.#known.content(oid));
    const sizes = oids.length === 0 ? new Map<string, number>() : await this.#sizesOnceHere(oids);
    const budget = new FileBudget(this.#fetching.limits, this.#git.remote.url);
    for (const { path, oid } of files) budget.add(path, this.#known.content(oid)?.length ?? sizes.get(oid) ?? 0);
    const contents = oids.length === 0 ? new Map<string, Buffer>() : await this.#repository.contents(oids);
    return files.map(({ oid }) => this.#known.content(oid) ?? contents.get(oid) ?? missing(oid));
  }

  async #sizesOnceHere(oids: readonly string[]): Promise<Map<string, number>> {
    const sizes = await this.#repository.sizes(oids);
    const absent = oids.filter((oid) => !sizes.has(oid));
    if (absent.length === 0) return sizes;
    await fetchBlobs(this.#git, this.#repository, absent, this.#fetching);
    return this.#repository.sizes(oids);
  }
}

function missing(oid: string): never {
  throw new CacheBroken(`the object ${oid} is missing`);
}
