import { present, unobservable, valueOf, type Observed } from '../../base/observed.ts';
import { endsWithin } from '../../base/clock.ts';
import type { Clock } from '../../base/clock.ts';
import type { MetadataAccess } from '../compute.ts';
import { installationDigest } from '../labels.ts';
import { bridgePrefix } from './bridges.ts';
import { passError } from './errors.ts';
import type { HostTools } from './host-tools.ts';

/** Milliseconds that a look at the host is believed: as long as a rule that somebody has removed stays away. */
const LOOK_EVERY_MS = 600_000;
/** Milliseconds to the next try where the host could not be looked at. */
const RETRY_MS = 60_000;
/** Milliseconds after which a run holds up nobody but those who wait for it already; a quarter of a second is usual. */
const PATIENCE_MS = 5_000;

/**
 * One rule for all bridges whose names begin as ours do, and one for each that an earlier version has made, in the table
 * `raw`. That comes before every translation of addresses, and so it holds where the host itself answers for the service.
 * A rule there outlasts a restart of the Engine, the making of networks and `iptables -F`; of a rule in DOCKER-USER the last
 * is not true, and a routing rule (`ip rule`) comes too late for an address of the host's own.
 * Port 53 stays open: on some clouds this address is the name server too. Rules of single bridges that are gone go.
 */
const SCRIPT = `
raw() { iptables -w 10 -t raw "$@"; }
ours() { printf '%s\\n' "$1" | grep -e " --comment $MARK " || true; }
all=$(raw -S PREROUTING)
ours "$all" | while read -r rule; do
  bridge=\${rule#* -i }
  bridge=\${bridge%% *}
  case "$ACCESS $bridge" in
    open*) ;;
    *+) continue ;;
    *) [ ! -e "/sys/class/net/$bridge" ] || continue ;;
  esac
  # Another run may have taken it away.
  raw -D \${rule#-A } 2>/dev/null || true
done
if [ "$ACCESS" = closed ]; then
  for bridge in $BRIDGES; do
    set -- PREROUTING -i "$bridge" -d 169.254.169.254 -p tcp ! --dport 53 -m comment --comment "$MARK" -j DROP
    raw -C "$@" 2>/dev/null || raw -I "$@"
  done
fi
all=$(raw -S PREROUTING)
ours "$all"
`;

/** What it works with. */
export interface MetadataHost {
  tools: Pick<HostTools, 'run'>;
  clock: Clock;
  installation: string;
  /** Bridges of this installation, by name. */
  bridges(): Promise<readonly string[]>;
}

const UNKNOWN = unobservable('the firewall of the Engine’s host has not been looked at yet');

/**
 * Whether networks of ours reach the metadata service of the cloud that the Engine's host is in. Only a container on the
 * host's network can see that: it is looked at once after the start and after each outage of the Engine (a host that
 * boots forgets its rules), then every ten minutes. Those that ask together are answered together; whoever comes to a run
 * that takes long begins another.
 */
export class HostMetadataAccess {
  readonly #host: MetadataHost;
  readonly #mark: string;
  #access: Observed<MetadataAccess> = UNKNOWN;
  #lookedAt = 0;
  /** By what they do. */
  readonly #runs = new Map<MetadataAccess | 'look', { done: Promise<void>; since: number }>();

  constructor(host: MetadataHost) {
    this.#host = host;
    this.#mark = `miniaws-metadata-${installationDigest(host.installation)}`;
  }

  get access(): Observed<MetadataAccess> {
    return this.#access;
  }

  /** Unless that was done lately. Throws a PassError while the Engine is out of reach. */
  async look(): Promise<void> {
    const believed = this.#access === UNKNOWN ? 0 : this.#access.state === 'present' ? LOOK_EVERY_MS : RETRY_MS;
    if (this.#host.clock.monotonic() - this.#lookedAt >= believed) await this.#run('look');
  }

  /** The host may be another one now, or have been booted. */
  forget(): void {
    this.#access = UNKNOWN;
  }

  /** Throws a PassError while the Engine is out of reach. */
  set(access: MetadataAccess): Promise<void> {
    return this.#run(access);
  }

  async #run(act: MetadataAccess | 'look'): Promise<void> {
    const { clock } = this.#host;
    for (let joined = this.#runs.get(act); joined; joined = this.#runs.get(act)) {
      const leftMs = joined.since + PATIENCE_MS - clock.monotonic();
      if (leftMs <= 0) break;
      if (await endsWithin(clock, leftMs, joined.done)) return;
    }
    if (valueOf(this.#access) === act) return;
    const run = { done: this.#apply(act), since: clock.monotonic() };
    this.#runs.set(act, run);
    await run.done.finally(() => {
      if (this.#runs.get(act) === run) this.#runs.delete(act);
    });
  }

  async #apply(act: MetadataAccess | 'look'): Promise<void> {
    try {
      const bridges = await this.#bridges();
      const env = { MARK: this.#mark, ACCESS: act, BRIDGES: bridges.join(' ') };
      const call = act === 'look' ? 'lookAtMetadataAccess' : 'setMetadataAccess';
      const rules = await this.#host.tools.run(call, SCRIPT, env);
      const closed = new Set([...rules.matchAll(/ -i (\S+) /g)].map(([, bridge]) => bridge));
      this.#access = present(bridges.every((bridge) => closed.has(bridge)) ? 'closed' : 'open');
    } catch (error) {
      const failure = passError(error, 'set the firewall of the Engine’s host');
      this.#access = failure.reason === 'EngineUnavailable' ? UNKNOWN : unobservable(failure.message);
      if (failure.reason === 'EngineUnavailable') throw failure;
    } finally {
      this.#lookedAt = this.#host.clock.monotonic();
    }
  }

  /** As iptables names them. */
  async #bridges(): Promise<readonly string[]> {
    const prefix = bridgePrefix(this.#host.installation);
    const before = (await this.#host.bridges()).filter((bridge) => !bridge.startsWith(prefix));
    return [`${prefix}+`, ...before];
  }
}
