import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import type Docker from 'dockerode';
import type { Clock } from '../../base/clock.ts';
import { PassError } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import type { BroughtImage, EngineImage, ImageState, Owner, OwnImage } from '../compute.ts';
import { LABEL } from '../labels.ts';
import { namesOf, toImage } from './image-view.ts';
import { LongCalls, pullOf } from '../long-calls.ts';
import { leftAlone } from '../refusals.ts';
import { grouped } from '../../base/grouped.ts';
import { familiarReference, parseReference } from '../../base/image-reference.ts';
import { CHANGE_DEADLINE_MS, translated, type EngineCalls } from './calls.ts';
import { isUnreachable, passError, wordsOf } from './errors.ts';
import { PullProgress, type PullLine } from './pull-progress.ts';
import { registryAuth } from './registry-auth.ts';
import { unlessGone, type World } from './world.ts';

/** Milliseconds without a word from a pull after which it counts as failed. A registry that is slow still speaks. */
const PULL_SILENCE_MS = 300_000;
/** Milliseconds for an import: it is our own tar, tens of megabytes, over the Engine's socket. */
const IMPORT_DEADLINE_MS = 300_000;

/** Images of the Engine. They are everybody's: only those we imported bear our mark and are ever removed. */
export class DockerImages {
  readonly #docker: Docker;
  readonly #calls: EngineCalls;
  readonly #world: World;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #pulls: LongCalls;
  readonly #listeners = new Set<(brought: BroughtImage) => void>();

  constructor(docker: Docker, calls: EngineCalls, world: World, use: { clock: Clock; log: Log }) {
    this.#docker = docker;
    this.#calls = calls;
    this.#world = world;
    this.#clock = use.clock;
    this.#log = use.log;
    this.#pulls = new LongCalls(use.clock, (change) => world.cache.notify(change));
  }

  async state(reference: string): Promise<ImageState> {
    return this.#pulling(reference) ?? (await this.#look(reference));
  }

  async pull(reference: string, owner: Owner, waitMs: number): Promise<ImageState> {
    const isThere = await this.#pulls.join(pullOf(reference), owner, waitMs, (tell) => this.#pull(reference, tell));
    const state = (isThere ? undefined : this.#pulling(reference)) ?? (await this.#look(reference));
    if (state.state !== 'absent') return state;
    throw new PassError('ImageUnavailable', `image ${reference} was pulled and is not there: removed meanwhile`);
  }

  import(tar: Readable | Buffer, reference: string, changes: readonly string[]): Promise<string> {
    return translated(`import image ${reference}`, async () => {
      const { repository: repo, tag } = parseReference(reference);
      const label = `LABEL ${LABEL.installation}=${this.#world.installation}`;
      const options = { repo, tag, changes: [...changes, label] };
      // docker-modem takes a Buffer as well; the types name streams only.
      const begin = () => this.#docker.importImage(tar as Readable, options);
      const answer = (await this.#calls.raw('importImage', begin, IMPORT_DEADLINE_MS)) as Readable;
      await this.#readLines(answer, CHANGE_DEADLINE_MS, failOnError);
      const state = await this.#look(reference);
      if (state.state === 'present') return state.id;
      throw new PassError('ImageUnavailable', `image ${reference} was imported and is not there: removed meanwhile`);
    });
  }

  own(): Promise<readonly OwnImage[]> {
    return translated('list images', async () => {
      const filters = JSON.stringify({ label: [`${LABEL.installation}=${this.#world.installation}`] });
      const images = await this.#calls.raw('listImages', () => this.#docker.listImages({ filters }));
      return images.map((image) => ({ id: image.Id, references: image.RepoTags ?? [] }));
    });
  }

  onPulled(listener: (brought: BroughtImage) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  list(): Promise<readonly EngineImage[]> {
    return translated('list images', async () => {
      const [images, containers] = await Promise.all([
        this.#listed(),
        this.#calls.raw('listContainers', () => this.#docker.listContainers({ all: true })),
      ]);
      const made = grouped(containers, ({ ImageID }) => ImageID);
      return images.map((image) => toImage(this.#world.installation, image, made.get(image.Id) ?? []));
    });
  }

  /** By its id where that names it alone, so that a tag that has moved on meanwhile stays. */
  release(id: string): Promise<void> {
    return translated(`remove image ${id}`, async () => {
      const info = await unlessGone(this.#calls.raw('inspectImage', () => this.#docker.getImage(id).inspect()));
      if (!info) return;
      for (const name of [...namesOf(info.RepoTags).slice(1), id]) {
        const image = this.#docker.getImage(name);
        await unlessGone(this.#calls.change('removeImage', () => image.remove({ force: false, noprune: true })));
      }
    });
  }

  #listed(): Promise<Docker.ImageInfo[]> {
    return this.#calls.raw('listImages', () => this.#docker.listImages());
  }

  remove(id: string): Promise<void> {
    return translated(`remove image ${id}`, async () => {
      const info = await unlessGone(this.#calls.raw('inspectImage', () => this.#docker.getImage(id).inspect()));
      if (!info) return;
      if (info.Config?.Labels?.[LABEL.installation] !== this.#world.installation) {
        throw new PassError('NameTaken', leftAlone('image', id));
      }
      await unlessGone(this.#calls.change('removeImage', () => this.#docker.getImage(id).remove({ force: true })));
    });
  }

  #pulling(reference: string): ImageState | undefined {
    const progress = this.#pulls.progress(pullOf(reference));
    return progress === undefined ? undefined : { state: 'pulling', progress };
  }

  #look(reference: string): Promise<ImageState> {
    return translated(`look for image ${reference}`, async () => {
      const inspect = () => this.#docker.getImage(reference).inspect();
      const info = await unlessGone(this.#calls.raw('inspectImage', inspect));
      return info ? { state: 'present', id: info.Id } : { state: 'absent' };
    });
  }

  async #pull(reference: string, tell: (progress: string) => void): Promise<void> {
    const { repository: fromImage, tag, registry } = parseReference(reference);
    const auth = await registryAuth(registry, this.#log);
    const progress = new PullProgress();
    const before = await this.#listed();
    try {
      const begin = () => this.#docker.createImage(auth ?? {}, { fromImage, tag });
      const answer = (await this.#calls.raw('pullImage', begin, PULL_SILENCE_MS)) as Readable;
      await this.#readLines(answer, PULL_SILENCE_MS, (line) => {
        failOnError(line);
        tell(progress.read(line));
      });
      await this.#tellPulled(reference, before);
    } catch (error) {
      if (isUnreachable(error)) throw passError(error, `pull image ${reference}`);
      throw new PassError('ImageUnavailable', `image ${reference} cannot be pulled: ${wordsOf(error)}`, error);
    }
  }

  /** What a person had before stays the person's. */
  async #tellPulled(reference: string, before: readonly Docker.ImageInfo[]): Promise<void> {
    const state = await this.#look(reference);
    if (state.state !== 'present') return;
    const known = before.find(({ Id }) => Id === state.id);
    const names = [...namesOf(known?.RepoTags), ...namesOf(known?.RepoDigests)];
    if (names.includes(familiarReference(reference))) return;
    for (const tell of this.#listeners) tell({ id: state.id, reference, isNew: known === undefined });
  }

  /** A line of JSON at a time, until the answer ends or says nothing for `silenceMs`. */
  async #readLines(answer: Readable, silenceMs: number, read: (line: PullLine) => void): Promise<void> {
    const silent = Object.assign(new Error(`nothing was heard for ${silenceMs} ms`), { code: 'ETIMEDOUT' });
    const arm = () => this.#clock.after(silenceMs, () => answer.destroy(silent));
    let timer = arm();
    try {
      for await (const line of createInterface({ input: answer })) {
        timer.cancel();
        timer = arm();
        if (line.trim()) read(JSON.parse(line) as PullLine);
      }
      if (answer.errored) throw answer.errored;
    } finally {
      timer.cancel();
      answer.destroy();
    }
  }
}

/** A failure in mid-stream has no status of its own: it is the last line. */
function failOnError(line: PullLine): void {
  if (line.error) throw new Error(line.errorDetail?.message ?? line.error);
}
