import type { Clock } from '../../base/clock.ts';
import { refuse } from './errors.ts';
import { HostPorts } from './host-ports.ts';
import type { SimulatedNetworks } from './networks.ts';
import { isRunning, type LogLine, type SimulatedContainer, type SimulatedEvent } from './objects.ts';
import { programOf, runAtOnce, type Program, type Step } from './program.ts';

/** Milliseconds: the real Engine's first restart, its longest pause, and how long a process must live to start over. */
const RESTART = { firstMs: 100, mostMs: 60_000, steadyMs: 10_000 };
/** Lines of a log that are kept. */
const MAX_LOG_LINES = 1_000;
/** 128 and the signal's number. */
const KILLED = 137;
const TERMINATED = 143;
/** How an init ends that finds no executable. */
const NOT_FOUND = 127;

/** What the processes of the simulated containers do, in the clock's time. */
export class SimulatedProcesses {
  /** Images whose process ends right after its start, by reference: exit status and milliseconds. */
  readonly crashing = new Map<string, { exitCode: number; afterMs: number }>();
  /** A test's say in a health check; `undefined`: by the command's exit status. */
  health: (container: SimulatedContainer) => boolean | undefined = () => undefined;
  /** Called when a process has begun, and when one has ended. */
  onStart: (container: SimulatedContainer) => void = () => undefined;
  onEnd: () => void = () => undefined;
  readonly #clock: Clock;
  readonly #networks: SimulatedNetworks;
  readonly #emit: (event: SimulatedEvent) => void;
  readonly #ports = new HostPorts();

  constructor(clock: Clock, networks: SimulatedNetworks, emit: (event: SimulatedEvent) => void) {
    this.#clock = clock;
    this.#networks = networks;
    this.#emit = emit;
  }

  start(container: SimulatedContainer): void {
    if (isRunning(container)) return;
    this.#cancel(container);
    try {
      container.process.program = this.#load(container);
      this.#networks.join(container);
      this.#bindPorts(container);
    } catch (error) {
      container.error = (error as Error).message;
      throw error;
    }
    delete container.error;
    container.process.stoppedByHand = false;
    Object.assign(container, { state: 'running', startedAt: this.#clock.now(), oomKilled: false });
    this.onStart(container);
    this.#say(container, 'container started');
    this.#watchHealth(container);
    this.#run(container, container.process.program.steps);
  }

  /** SIGTERM, then SIGKILL after `graceMs`; `done` when it has ended. */
  stop(container: SimulatedContainer, graceMs: number, done: () => void): void {
    container.process.stoppedByHand = true;
    if (!isRunning(container)) {
      if (container.state === 'restarting') this.#settle(container, 'exited');
      return done();
    }
    container.process.onEnd.add(done);
    // An init passes the signal on to a process whose default is to end by it.
    const answer = container.process.program?.onTerm ?? (container.spec.init ? TERMINATED : undefined);
    if (answer !== undefined && graceMs > 0) return this.end(container, answer);
    this.#after(container, graceMs, () => this.end(container, KILLED));
  }

  kill(container: SimulatedContainer): void {
    if (!isRunning(container)) throw refuse.notRunning(container.name);
    container.process.stoppedByHand = true;
    this.end(container, KILLED);
  }

  /** The process has ended: the restart policy decides what follows. */
  end(container: SimulatedContainer, exitCode: number): void {
    if (!isRunning(container)) return;
    this.#leave(container);
    container.exitCode = exitCode;
    container.finishedAt = this.#clock.now();
    const restarts = !container.process.stoppedByHand && wantsRestart(container, exitCode);
    this.#settle(container, restarts ? 'restarting' : 'exited');
    this.#say(container, `container died (exit ${exitCode})`);
    if (restarts) this.#restartLater(container);
    else if (container.process.stoppedByHand) this.#say(container, 'container stopped');
    for (const done of container.process.onEnd) done();
    container.process.onEnd.clear();
  }

  /** It is being removed: nothing of it goes on. */
  destroy(container: SimulatedContainer): void {
    this.#leave(container);
    this.#settle(container, 'removing');
    for (const done of container.process.onEnd) done();
  }

  #load(container: SimulatedContainer): Program {
    const { entrypoint = [], command = [], image } = container.spec;
    const crash = this.crashing.get(image);
    if (crash) {
      return {
        steps: [
          { do: 'wait', ms: crash.afterMs },
          { do: 'exit', code: crash.exitCode },
        ],
      };
    }
    const argv = [...entrypoint, ...command];
    const program = programOf(argv);
    if (program) return program;
    if (!container.spec.init) throw refuse.noExecutable(argv[0] ?? '');
    const text = `[FATAL tini (7)] exec ${argv[0] ?? ''} failed: No such file or directory\n`;
    return {
      steps: [
        { do: 'print', stream: 'stderr', text },
        { do: 'exit', code: NOT_FOUND },
      ],
    };
  }

  #bindPorts(container: SimulatedContainer): void {
    try {
      container.ports = this.#ports.bind(container.id, container.spec.ports);
    } catch (error) {
      this.#networks.leave(container);
      throw error;
    }
  }

  #run(container: SimulatedContainer, steps: readonly Step[]): void {
    const [step, ...rest] = steps;
    switch (step?.do) {
      case 'print':
        this.#print(container, step.stream, step.text);
        return this.#run(container, rest);
      case 'wait':
        return this.#after(container, step.ms, () => this.#run(container, rest));
      case 'serve':
        return undefined;
      case 'exit':
      case undefined:
        // Never in the same turn as its start: a real process takes time to end.
        return this.#after(container, 0, () => this.end(container, step?.code ?? 0));
    }
  }

  /** What it makes of its input: what copies it writes it. */
  feed(container: SimulatedContainer, data: Buffer): void {
    if (container.process.program?.copiesInput) this.#print(container, 'stdout', data.toString());
  }

  #print(container: SimulatedContainer, stream: LogLine['stream'], text: string): void {
    const line: LogLine = { at: this.#clock.now(), stream, data: Buffer.from(text) };
    container.log.push(line);
    if (container.log.length > MAX_LOG_LINES) container.log.shift();
    for (const follower of container.followers) follower.push(line);
  }

  #restartLater(container: SimulatedContainer): void {
    const { process } = container;
    const lived = (container.finishedAt?.getTime() ?? 0) - (container.startedAt?.getTime() ?? 0);
    const delay = lived >= RESTART.steadyMs ? RESTART.firstMs : process.restartDelayMs || RESTART.firstMs;
    process.restartDelayMs = Math.min(delay * 2, RESTART.mostMs);
    this.#after(container, delay, () => {
      container.restarts++;
      try {
        this.start(container);
      } catch {
        // As on the real Engine: it stays where it is, with the reason in `error`.
        this.#settle(container, 'exited');
      }
    });
  }

  #watchHealth(container: SimulatedContainer): void {
    const check = container.spec.healthCommand;
    if (!check) return;
    container.health = 'starting';
    container.process.failingStreak = 0;
    const startedAt = this.#clock.monotonic();
    const again = () =>
      this.#after(container, check.intervalMs, () => {
        this.#checkHealth(container, this.#clock.monotonic() - startedAt < check.startPeriodMs);
        again();
      });
    again();
  }

  #checkHealth(container: SimulatedContainer, starting: boolean): void {
    const check = container.spec.healthCommand;
    const program = programOf(check?.command ?? []);
    const byCommand = program !== undefined && runAtOnce(program).exitCode === 0;
    const good = this.health(container) ?? byCommand;
    const before = container.health;
    container.process.failingStreak = good || starting ? 0 : container.process.failingStreak + 1;
    if (good) container.health = 'healthy';
    else if (container.process.failingStreak >= (check?.retries ?? 1)) container.health = 'unhealthy';
    if (container.health !== before) this.#say(container, `container became ${container.health}`);
  }

  #leave(container: SimulatedContainer): void {
    this.#networks.leave(container);
    this.#ports.release(container.id, container.ports);
    container.ports = [];
    this.onEnd();
  }

  /** It no longer runs: its timers are void and whoever follows its log has seen all. */
  #settle(container: SimulatedContainer, state: SimulatedContainer['state']): void {
    this.#cancel(container);
    container.state = state;
    delete container.health;
    if (state === 'restarting') return;
    for (const follower of container.followers) follower.end();
    container.followers.clear();
  }

  #cancel(container: SimulatedContainer): void {
    for (const timer of container.process.timers) timer.cancel();
    container.process.timers.clear();
  }

  #after(container: SimulatedContainer, ms: number, act: () => void): void {
    // The clock's timers hold 2^31 milliseconds: a process that waits longer waits for ever.
    if (!(ms < 2 ** 31)) return;
    const timer = this.#clock.after(ms, () => {
      container.process.timers.delete(timer);
      act();
    });
    container.process.timers.add(timer);
  }

  #say(container: SimulatedContainer, words: string): void {
    this.#emit({ type: 'container', id: container.id, words });
  }
}

const wantsRestart = (container: SimulatedContainer, exitCode: number): boolean =>
  container.restart === 'unless-stopped' || (container.restart === 'on-failure' && exitCode !== 0);
