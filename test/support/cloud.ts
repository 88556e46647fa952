import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type Docker from 'dockerode';
import { expect } from 'vitest';
import { findCondition, isReady } from '../../src/api/metadata.ts';
import type { Condition, Resource } from '../../src/api/metadata.ts';
import type { InstanceSpec, InstanceStatus } from '../../src/kinds/instance/types.ts';
import { LABEL } from '../../src/drivers/labels.ts';
import { startDaemon } from './daemon.ts';
import type { DaemonOptions, TestDaemon } from './daemon.ts';
import { freshDatabase } from './database.ts';
import type { TestDatabase } from './database.ts';
import { cleanInstallation, engine, freshInstallation } from './engine.ts';
import { call, exec } from './http.ts';
import type { Executed } from './http.ts';
import { testImage } from './images.ts';
import { pathOf } from './manifests.ts';
import type { Manifest } from './manifests.ts';
import { eventually } from './wait.ts';

export type AnyResource = Resource<Record<string, unknown>, Record<string, unknown>>;
export type SeenInstance = Resource<InstanceSpec, InstanceStatus>;

/** Of a kind. */
type Plural = string;

export interface CloudOptions {
  env?: Record<string, string>;
  database?: TestDatabase;
  dataDir?: string;
  /** Another build of the program, for the first daemon. */
  program?: string;
}

/** Looks that must change nothing before a world counts as quiet (I2). */
const QUIET_LOOKS = 2;

/**
 * The real program over the real Engine and a real database, with an installation id of its own: what a person does
 * to it, and what is true of its world. `close` leaves nothing behind, whatever happened before.
 */
export class Cloud {
  readonly installation: string;
  readonly image: string;
  readonly database: TestDatabase;
  readonly #ownsDatabase: boolean;
  /** Given from outside, and so not ours to remove. */
  readonly #givenDir: string | undefined;
  readonly #env: Record<string, string>;
  readonly #masterKeyFile: string;
  readonly #daemons = new Set<TestDaemon>();
  #daemon: TestDaemon | undefined;

  private constructor(image: string, database: TestDatabase, options: CloudOptions) {
    this.installation = freshInstallation();
    this.image = image;
    this.database = database;
    this.#ownsDatabase = options.database === undefined;
    this.#givenDir = options.dataDir;
    // One look a second: what a look would change shows soon.
    this.#masterKeyFile = join(tmpdir(), `miniaws-master-key-${this.installation}`);
    // Several daemons of one database share its key; that of a given folder is in it.
    const key: Record<string, string> =
      options.dataDir === undefined ? { MINIAWS_MASTER_KEY_FILE: this.#masterKeyFile } : {};
    this.#env = { MINIAWS_INSTALLATION: this.installation, MINIAWS_RESYNC: '1', ...key, ...options.env };
  }

  static async start(options: CloudOptions = {}): Promise<Cloud> {
    const cloud = new Cloud(await testImage(engine), options.database ?? (await freshDatabase()), options);
    try {
      const { dataDir, program } = options;
      await cloud.startDaemon({ ...(dataDir && { dataDir }), ...(program && { program }) });
    } catch (error) {
      await cloud.close();
      throw error;
    }
    return cloud;
  }

  get daemon(): TestDaemon {
    if (!this.#daemon) throw new Error('no daemon was started');
    return this.#daemon;
  }

  /** Another daemon on the database; requests go to the newest. */
  async startDaemon(options: Partial<DaemonOptions> = {}): Promise<TestDaemon> {
    const daemon = await startDaemon({
      engine: 'docker',
      database: this.database,
      ...options,
      env: { ...this.#env, ...options.env },
    });
    this.#daemons.add(daemon);
    this.#daemon = daemon;
    return daemon;
  }

  /** Requests go to this one from now on. */
  use(daemon: TestDaemon): void {
    this.#daemon = daemon;
  }

  /** kill -9, and another one in its place. */
  async crash(options: Partial<DaemonOptions> = {}): Promise<void> {
    const { dataDir } = this.daemon;
    await this.daemon.kill();
    await this.startDaemon({ dataDir, ...options });
  }

  async close(): Promise<void> {
    for (const daemon of this.#daemons) {
      daemon.process.kill('SIGCONT');
      await (daemon.process.exitCode === null && daemon.process.signalCode === null
        ? daemon.kill()
        : daemon.client.close());
    }
    const folders = new Set([...this.#daemons].map((daemon) => daemon.dataDir));
    for (const dir of folders) if (dir !== this.#givenDir) await rm(dir, { recursive: true, force: true });
    await rm(this.#masterKeyFile, { force: true });
    await cleanInstallation(this.installation);
    if (this.#ownsDatabase) await this.database.drop();
  }

  // --- what people do ---------------------------------------------------------------------------------------------

  /** As `apply`, by server-side apply. */
  async apply(...manifests: Manifest[]): Promise<AnyResource[]> {
    return Promise.all(manifests.map((manifest) => this.#apply(manifest)));
  }

  async #apply(manifest: Manifest): Promise<AnyResource> {
    const { name, namespace } = manifest.metadata;
    const path = pathOf(`${manifest.kind.toLowerCase()}s`, name, namespace);
    const answer = await call(this.daemon, 'PATCH', `${path}?fieldManager=test&force=true`, {
      headers: { 'content-type': 'application/apply-patch+yaml' },
      body: manifest,
    });
    expect([200, 201], answer.text).toContain(answer.status);
    return answer.json<AnyResource>();
  }

  async patch(kind: Plural, name: string, patch: object): Promise<AnyResource> {
    const answer = await call(this.daemon, 'PATCH', pathOf(kind, name), {
      headers: { 'content-type': 'application/merge-patch+json' },
      body: patch,
    });
    expect(answer.status, answer.text).toBe(200);
    return answer.json<AnyResource>();
  }

  async remove(kind: Plural, ...names: string[]): Promise<void> {
    for (const name of names) expect((await call(this.daemon, 'DELETE', pathOf(kind, name))).status).toBe(200);
  }

  async find(kind: Plural, name: string): Promise<AnyResource | undefined> {
    const answer = await call(this.daemon, 'GET', pathOf(kind, name));
    if (answer.status === 404) return undefined;
    expect(answer.status, answer.text).toBe(200);
    return answer.json<AnyResource>();
  }

  async instance(name: string): Promise<SeenInstance> {
    const found = await this.find('instances', name);
    if (!found) throw new Error(`there is no instance ${name}`);
    return found as unknown as SeenInstance;
  }

  exec(name: string, ...command: string[]): Promise<Executed> {
    return exec(this.daemon, { name }, command);
  }

  // --- what is waited for -----------------------------------------------------------------------------------------

  /** Ready for the generation that is asked for now (I8). */
  async ready(kind: Plural, ...names: string[]): Promise<AnyResource[]> {
    return Promise.all(
      names.map((name) =>
        eventually(
          `${kind} ${name} to be Ready`,
          async () => {
            const found = await this.find(kind, name);
            if (found && isReady(found)) return found;
            throw new Error(JSON.stringify(found?.status ?? 'not there'));
          },
          40_000,
        ),
      ),
    );
  }

  async condition(
    kind: Plural,
    name: string,
    type: string,
    matches: (condition: Condition) => boolean,
  ): Promise<Condition> {
    return eventually(`${kind} ${name}: another condition ${type}`, async () => {
      const found = await this.find(kind, name);
      const condition = found && findCondition(found, type);
      if (condition && matches(condition)) return condition;
      throw new Error(JSON.stringify(found?.status ?? 'not there'));
    });
  }

  async gone(kind: Plural, ...names: string[]): Promise<void> {
    for (const name of names)
      await eventually(`${kind} ${name} to be gone`, async () => !(await this.find(kind, name)));
  }

  // --- what is there ----------------------------------------------------------------------------------------------

  async containers(): Promise<Docker.ContainerInfo[]> {
    return engine.listContainers({ all: true, filters: { label: [`${LABEL.installation}=${this.installation}`] } });
  }

  async networks(): Promise<Docker.NetworkInspectInfo[]> {
    return engine.listNetworks({ filters: { label: [`${LABEL.installation}=${this.installation}`] } });
  }

  /** The one container of the instance. */
  async container(name: string): Promise<Docker.ContainerInspectInfo> {
    const own = (await this.containers()).filter((c) => c.Labels[LABEL.name] === name);
    expect(own).toHaveLength(1);
    return engine.getContainer(own[0]!.Id).inspect();
  }

  handle(info: { Id: string }): Docker.Container {
    return engine.getContainer(info.Id);
  }

  // --- how survival is judged (FAULTS.md) ----------------------------------------------------------------------------

  /** Same end, no orphan, and quiet: exactly one running container for each of these, and nothing else of ours. */
  async judge(vpcs: readonly string[], instances: readonly string[]): Promise<void> {
    await this.ready('vpcs', ...vpcs);
    await this.ready('instances', ...instances);
    await this.#ended();
    const containers = await this.containers();
    expect(containers.map((c) => `${c.Labels[LABEL.name]} ${c.State}`).sort()).toEqual(
      instances.map((name) => `${name} running`).sort(),
    );
    expect((await this.networks()).map((n) => n.Labels?.[LABEL.name]).sort()).toEqual([...vpcs].sort());
    const uids = await this.database.query<{ uid: string }>('SELECT uid FROM resources');
    const known = new Set(uids.map(({ uid }) => uid));
    expect(containers.filter((c) => !known.has(c.Labels[LABEL.uid] ?? ''))).toEqual([]);
    await this.expectQuiet();
  }

  /** What was deleted last may still be about to end: its container runs until a pass has stopped it. */
  async #ended(): Promise<void> {
    await eventually('what was deleted to be gone', async () => {
      const ending = await this.database.query<{ name: string }>(
        'SELECT name FROM resources WHERE deletion_time IS NOT NULL',
      );
      expect(ending).toEqual([]);
      return true;
    });
  }

  /** Every document is looked at again some times, and nothing is written anywhere (I2). */
  async expectQuiet(): Promise<void> {
    // The last pass of what went before may still be under way.
    const before = await this.#settled();
    await this.#looks(QUIET_LOOKS);
    expect(await this.#fingerprint()).toEqual(before);
  }

  async #settled(): Promise<object> {
    return eventually(
      'two looks in which nothing is written',
      async () => {
        const before = await this.#fingerprint();
        await this.#looks(1);
        return JSON.stringify(await this.#fingerprint()) === JSON.stringify(before) && before;
      },
      45_000,
    );
  }

  /** Until every document was passed over `n` more times. */
  async #looks(n: number): Promise<void> {
    const working = "SELECT 1 FROM resources WHERE annotations->>'miniaws.dev/paused' IS DISTINCT FROM 'true'";
    const documents = (await this.database.query(working)).length;
    const from = await this.passes();
    await eventually('passes over everything', async () => (await this.passes()) >= from + n * documents);
  }

  async passes(): Promise<number> {
    const { text } = await call(this.daemon, 'GET', '/metrics');
    return [...text.matchAll(/^miniaws_passes_total\{.*\} (\d+)$/gm)].reduce((sum, m) => sum + Number(m[1]), 0);
  }

  async #fingerprint(): Promise<object> {
    const [row] = await this.database.query(
      `SELECT (SELECT value FROM revisions) AS revision,
              (SELECT count(*) FROM changes) AS changes,
              (SELECT count(*) FROM events) AS events,
              (SELECT count(*) FROM reconcile_log) AS log,
              (SELECT string_agg(i.xmin::text, ',' ORDER BY id) FROM instances i) AS instances,
              (SELECT string_agg(v.xmin::text, ',' ORDER BY id) FROM vpcs v) AS vpcs`,
    );
    return row as object;
  }
}
