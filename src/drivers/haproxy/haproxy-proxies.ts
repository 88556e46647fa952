import { sleep, type Clock } from '../../base/clock.ts';
import { messageOf, PassError } from '../../base/errors.ts';
import { silentLog, type Log } from '../../base/log.ts';
import { absent, present, unobservable, type Observed } from '../../base/observed.ts';
import type { Compute, Container } from '../compute.ts';
import type { Proxies, ProxyConfig, ProxyState, ServerMode, ServerRef } from '../proxies.ts';
import { Admin, structureOfFile } from './admin.ts';
import type { Row } from './answers.ts';
import { add, ADDED, admit, isNotYet, isRemoved, remove, set, shut, stick } from './commands.ts';
import {
  CONFIG_PATH,
  FILE_MODE,
  NO_STATE,
  renderConfig,
  serverOptionsIn,
  STATE_PATH,
  TRIAL_PATH,
} from './configuration.ts';
import { modeOf, toState, type Worker } from './state.ts';

/** Milliseconds for a new worker to take over. It takes a few hundred, on a busy machine seconds. */
const RELOAD_DEADLINE_MS = 15_000;
const RELOAD_LOOK_MS = 50;

export interface HaproxyOptions {
  compute: Compute;
  clock: Clock;
  log?: Log;
}

/** HAProxy 2.6, in containers that were made of an image which has it, `sh`, `nc`, `kill`, `cat` and `sha256sum`. */
export const createHaproxyProxies = (options: HaproxyOptions): Proxies => new HaproxyProxies(options);

class HaproxyProxies implements Proxies {
  readonly #compute: Compute;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #admin: Admin;
  /** Whose a container is, by its id: the cache finds containers by their owners. */
  readonly #owners = new Map<string, string>();

  constructor({ compute, clock, log = silentLog }: HaproxyOptions) {
    this.#compute = compute;
    this.#clock = clock;
    this.#log = log;
    this.#admin = new Admin(compute, clock);
  }

  async state(id: string): Promise<Observed<ProxyState>> {
    const before = this.#running(id);
    if (before.state !== 'present') return before;
    try {
      const { answers, file } = await this.#admin.look(id);
      return present(toState(answers, file, await this.#admin.oldWorkers(id)));
    } catch (error) {
      // It may have ended under the question.
      const after = this.#running(id);
      return after.state === 'present' ? unobservable(messageOf(error)) : after;
    }
  }

  /** One that does not run begins without a past. */
  async store(id: string, config: ProxyConfig): Promise<void> {
    if (this.#running(id).state === 'absent')
      await this.#compute.writeFiles(id, [{ path: STATE_PATH, content: NO_STATE, mode: FILE_MODE }]);
    await this.#compute.writeFiles(id, [{ path: CONFIG_PATH, content: renderConfig(config), mode: FILE_MODE }]);
  }

  async complaint(id: string, config: ProxyConfig): Promise<string | undefined> {
    await this.#compute.writeFiles(id, [{ path: TRIAL_PATH, content: renderConfig(config), mode: FILE_MODE }]);
    return this.#admin.judge(id, TRIAL_PATH);
  }

  async reload(id: string): Promise<void> {
    const file = await this.#admin.storedFile(id);
    if (file === undefined) throw refusedFile('there is none');
    const complaint = await this.#admin.judge(id, CONFIG_PATH);
    if (complaint !== undefined) throw refusedFile(complaint);
    const before = await this.#admin.worker(id);
    await this.#compute.writeFiles(id, [
      { path: STATE_PATH, content: await this.#admin.serverStates(id), mode: FILE_MODE },
    ]);
    await this.#admin.signalReload(id);
    await this.#takenUp(id, before, structureOfFile(file));
    await this.#admin.oldWorkers(id);
    this.#log.debug({ container: id.slice(0, 12) }, 'proxy reloaded');
  }

  /** HAProxy gives a new server nothing of its backend's options and no cookie: both are said as the file has them. */
  async addServer(id: string, ref: ServerRef, at: { address: string; port: number }): Promise<void> {
    const found = await this.#admin.server(id, ref);
    if (found && !isAt(found, at)) {
      const where = `${found('srv_addr')}:${found('srv_port')}`;
      throw new PassError('Refused', `${nameOf(ref)} is at ${where}, not at ${at.address}:${at.port}: remove it first`);
    }
    const file = await this.#admin.storedFile(id);
    const said = serverOptionsIn(file ?? '', ref.backend);
    if (!said) throw new PassError('EngineError', `the stored configuration has no backend ${ref.backend}`);
    const words = await this.#admin.command(id, [
      ...(found ? [] : [add(ref, at, said.options)]),
      ...(found && modeOf(found) === 'ready' ? set(ref, 'ready') : admit(ref)),
      ...(said.sticky ? [stick(ref)] : []),
    ]);
    if (words !== '' && words !== ADDED) throw failed('add', ref, words);
  }

  async setServer(id: string, ref: ServerRef, mode: ServerMode): Promise<void> {
    const isOut = mode === 'ready' && (await this.#modeOf(id, ref)) === 'maint';
    const words = await this.#admin.command(id, isOut ? admit(ref) : set(ref, mode));
    if (words !== '') throw failed(`set to ${mode}`, ref, words);
  }

  async endSessions(id: string, ref: ServerRef): Promise<void> {
    const words = await this.#admin.command(id, [shut(ref)]);
    if (words !== '') throw failed('end the sessions of', ref, words);
    for (const { pid } of (await this.#admin.oldWorkers(id)) ?? []) await this.#admin.endOldSessions(id, pid, ref);
  }

  endWorker(id: string, worker: string): Promise<void> {
    return this.#admin.endWorker(id, worker);
  }

  async removeServer(id: string, ref: ServerRef): Promise<void> {
    const words = await this.#admin.command(id, [remove(ref)]);
    if (!isRemoved(words)) throw failed('remove', ref, words, isNotYet(words) ? 'DependencyNotReady' : 'EngineError');
  }

  async #modeOf(id: string, ref: ServerRef): Promise<ServerMode | undefined> {
    const found = await this.#admin.server(id, ref);
    return found && modeOf(found);
  }

  close(): void {
    this.#admin.close();
  }

  /** A configuration that passes the judgement can still fail to start: what runs then goes on. */
  async #takenUp(id: string, before: Worker, structure: string): Promise<void> {
    const until = this.#clock.monotonic() + RELOAD_DEADLINE_MS;
    for (;;) {
      const now = await this.#admin.worker(id).catch(() => undefined);
      if (now && now.pid !== before.pid && now.structure === structure) return;
      if (this.#clock.monotonic() > until) {
        const where = `within ${RELOAD_DEADLINE_MS} ms; its container's log says why`;
        if (now) throw refusedFile(`no worker with it answered ${where}`);
        throw new PassError('EngineUnavailable', `the proxy did not answer after its reload ${where}`);
      }
      await sleep(this.#clock, RELOAD_LOOK_MS);
    }
  }

  #running(id: string): Observed<Container> {
    const observed = this.#container(id);
    if (observed.state !== 'present') return observed;
    const { state } = observed.value;
    if (state === 'paused') return unobservable('the container of the proxy is paused');
    return state === 'running' ? observed : absent;
  }

  #container(id: string): Observed<Container> {
    const known = this.#owners.get(id);
    const uid = known ?? this.#ownerOf(id);
    if (uid === undefined) {
      const all = this.#compute.everything();
      return all.state === 'unobservable' ? all : absent;
    }
    const observed = this.#compute.containers(uid);
    if (observed.state === 'unobservable') return observed;
    const container = observed.state === 'present' ? observed.value.find((one) => one.id === id) : undefined;
    if (container) this.#owners.set(id, uid);
    else this.#owners.delete(id);
    return container ? present(container) : absent;
  }

  #ownerOf(id: string): string | undefined {
    const all = this.#compute.everything();
    return all.state === 'present' ? all.value.find((one) => one.id === id)?.owner.uid : undefined;
  }
}

const isAt = (row: Row, at: { address: string; port: number }): boolean =>
  row('srv_addr') === at.address && row('srv_port') === String(at.port);

const nameOf = ({ backend, server }: ServerRef): string => `server ${backend}/${server}`;

const refusedFile = (why: string): PassError =>
  new PassError('Refused', `the proxy does not take up its stored configuration: ${why}`);

const failed = (
  doing: string,
  ref: ServerRef,
  words: string,
  reason: 'EngineError' | 'DependencyNotReady' = 'EngineError',
): PassError => new PassError(reason, `${doing} ${nameOf(ref)}: ${words.replaceAll(/\s+/g, ' ')}`);
