import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { stringify } from 'yaml';
import { run } from '../cli/support.ts';
import { startDaemon } from '../support/daemon.ts';
import type { DaemonOptions, TestDaemon } from '../support/daemon.ts';
import { cleanInstallation, engine, freshInstallation } from '../support/engine.ts';
import { testImage } from '../support/images.ts';
import { cloneDatabase } from '../support/postgres.ts';
import type { TestDatabase, TestPostgres } from '../support/postgres.ts';

/** A daemon in good order stops in well under this; one that does not is killed. */
const STOP_MS = 20_000;

export interface WorkshopOptions {
  postgres: TestPostgres;
  /** Ctrl-C. */
  signal: AbortSignal;
  /** A folder for `node --cpu-prof` of every daemon. */
  profiles?: string | undefined;
}

/** What one benchmark makes, remembered so that all of it goes at the end, however it ends. */
export class Workshop {
  readonly signal: AbortSignal;
  /** Of the daemons, and of the floor's own containers, which no daemon may see as its own. */
  readonly installation = freshInstallation();
  readonly floorInstallation = freshInstallation();
  readonly folder: string;
  readonly #options: WorkshopOptions;
  readonly #daemons = new Set<TestDaemon>();
  readonly #ends: (() => Promise<void> | void)[] = [];
  #usesEngine = false;

  private constructor(options: WorkshopOptions, folder: string) {
    this.#options = options;
    this.signal = options.signal;
    this.folder = folder;
  }

  static async open(options: WorkshopOptions): Promise<Workshop> {
    return new Workshop(options, await mkdtemp(join(tmpdir(), 'miniaws-bench-')));
  }

  async database(): Promise<TestDatabase> {
    const database = await cloneDatabase(this.#options.postgres.url);
    this.atEnd(() => database.drop());
    return database;
  }

  /** The real program, as people run it, in a process of its own. */
  async daemon(options: DaemonOptions): Promise<TestDaemon> {
    this.signal.throwIfAborted();
    if (options.engine === 'docker') this.#usesEngine = true;
    const { profiles } = this.#options;
    const daemon = await startDaemon({
      database: options.database ?? (await this.database()),
      dataDir: await mkdtemp(join(this.folder, 'daemon-')),
      ...options,
      env: {
        MINIAWS_INSTALLATION: this.installation,
        MINIAWS_LOG_LEVEL: 'info',
        // Several may work on one database.
        MINIAWS_MASTER_KEY_FILE: join(this.folder, 'master.key'),
        ...options.env,
      },
      nodeFlags: profiles === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profiles}`],
    });
    this.#daemons.add(daemon);
    return daemon;
  }

  /** The Engine, for what is made on it beside the daemon, and an image that is on it. */
  async engine(): Promise<{ docker: typeof engine; image: string }> {
    this.#usesEngine = true;
    return { docker: engine, image: await testImage(engine) };
  }

  /** Later ones first. */
  atEnd(end: () => Promise<void> | void): void {
    this.#ends.push(end);
  }

  /** The path of a file with these documents. */
  async manifests(name: string, documents: readonly object[]): Promise<string> {
    const path = join(this.folder, `${name}.yaml`);
    await writeFile(path, documents.map((document) => stringify(document)).join('---\n'));
    return path;
  }

  /** `miniaws …` in this process. Throws when its exit status is another than 0. */
  async miniaws(daemon: TestDaemon, ...args: string[]): Promise<string> {
    this.signal.throwIfAborted();
    const { code, out, err } = await run(args, { kubeconfig: daemon.kubeconfigPath });
    if (code !== 0) throw new Error(`miniaws ${args.join(' ')}: exit status ${code}: ${err.slice(-2_000)}`);
    return out;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#daemons].map(stopped));
    for (const end of this.#ends.splice(0).reverse()) await end();
    if (this.#usesEngine) for (const id of [this.installation, this.floorInstallation]) await cleanInstallation(id);
    await rm(this.folder, { recursive: true, force: true });
  }
}

async function stopped(daemon: TestDaemon): Promise<void> {
  const late = new AbortController();
  const isLate = pause(STOP_MS, true, { signal: late.signal }).catch(() => false);
  if (await Promise.race([daemon.stop().then(() => false), isLate])) await daemon.kill();
  late.abort();
}
