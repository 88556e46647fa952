import { present, unobservable, type Observed } from '../../base/observed.ts';
import type { Clock } from '../../base/clock.ts';
import type { PassError } from '../../base/errors.ts';
import type { MetadataAccess } from '../compute.ts';
import { installationDigest } from '../labels.ts';
import { passError } from './errors.ts';
import type { HostTools } from './host-tools.ts';

/** Milliseconds that a look at the host is believed: as long as a rule that somebody has removed stays away. */
const LOOK_EVERY_MS = 600_000;
/** Milliseconds to the next try where the host could not be looked at. */
const RETRY_MS = 60_000;

/**
 * One rule a bridge, in the table `raw`. It comes before every translation of addresses, and so it holds where the host
 * itself answers for the service. It outlasts a restart of the Engine, the making of networks and `iptables -F`; of a rule
 * in DOCKER-USER the last is not true, and a routing rule (`ip rule`) comes too late for an address of the host's own.
 * Port 53 stays open: on some clouds this address is the name server too. Rules of bridges that are gone go.
 */
const SCRIPT = `
raw() { iptables -w 10 -t raw "$@"; }
ours() { printf '%s\\n' "$1" | grep -e " --comment $MARK " || true; }
all=$(raw -S PREROUTING)
ours "$all" | while read -r rule; do
  bridge=\${rule#* -i }
  bridge=\${bridge%% *}
  case " $OPEN " in
    *" all "* | *" $bridge "*) ;;
    *) [ ! -e "/sys/class/net/$bridge" ] || continue ;;
  esac
  raw -D \${rule#-A }
done
for bridge in $CLOSED; do
  set -- PREROUTING -i "$bridge" -d 169.254.169.254 -p tcp ! --dport 53 -m comment --comment "$MARK" -j DROP
  raw -C "$@" 2>/dev/null || raw -I "$@"
done
all=$(raw -S PREROUTING)
ours "$all"
`;

const bridgeOf = (networkId: string): string => `br-${networkId.slice(0, 12)}`;

/**
 * Whether networks of ours reach the metadata service of the cloud that the Engine's host is in. Only a container on the
 * host's network can see that: it is looked at once after the start and after each outage of the Engine (a host that
 * boots forgets its rules), then every ten minutes, for all networks at once. Changes that come together are made together.
 */
export class HostMetadataAccess {
  readonly #tools: Pick<HostTools, 'run'>;
  readonly #clock: Clock;
  readonly #mark: string;
  /** Bridges with a rule of ours, as of the last look; `undefined`: not looked at. */
  #closed: ReadonlySet<string> | undefined;
  #failure: PassError | undefined;
  #lookedAt = 0;
  readonly #asked = new Map<string, MetadataAccess>();
  #current: Promise<void> = Promise.resolve();
  #next: Promise<void> | undefined;

  constructor(tools: Pick<HostTools, 'run'>, clock: Clock, installation: string) {
    this.#tools = tools;
    this.#clock = clock;
    this.#mark = `miniaws-metadata-${installationDigest(installation)}`;
  }

  of(networkId: string): Observed<MetadataAccess> {
    if (this.#failure) return unobservable(this.#failure.message);
    if (!this.#closed) return unobservable('the firewall of the Engine’s host has not been looked at yet');
    return present(this.#closed.has(bridgeOf(networkId)) ? 'closed' : 'open');
  }

  async look(): Promise<void> {
    const known = this.#failure ? RETRY_MS : this.#closed ? LOOK_EVERY_MS : 0;
    if (this.#clock.monotonic() - this.#lookedAt >= known) await this.#run();
  }

  /** The host may be another one now, or have been booted. */
  forget(): void {
    this.#closed = undefined;
    this.#failure = undefined;
  }

  async set(networkId: string, access: MetadataAccess): Promise<void> {
    this.#asked.set(bridgeOf(networkId), access);
    await this.#run();
    if (this.#failure?.reason === 'EngineUnavailable') throw this.#failure;
  }

  /** Every rule of this installation goes. */
  async reset(): Promise<void> {
    this.#asked.set('all', 'open');
    await this.#run();
    if (this.#failure) throw this.#failure;
  }

  /** The run after the one under way, if any: it does all that is asked for until it begins. */
  #run(): Promise<void> {
    this.#next ??= this.#current.then(() => {
      this.#next = undefined;
      this.#current = this.#apply();
      return this.#current;
    });
    return this.#next;
  }

  async #apply(): Promise<void> {
    const asked = [...this.#asked];
    this.#asked.clear();
    const those = (access: MetadataAccess) =>
      asked.flatMap(([bridge, wanted]) => (wanted === access ? [bridge] : [])).join(' ');
    try {
      const rules = await this.#tools.run(SCRIPT, { MARK: this.#mark, OPEN: those('open'), CLOSED: those('closed') });
      this.#closed = new Set([...rules.matchAll(/ -i (\S+) /g)].map(([, bridge = '']) => bridge));
      this.#failure = undefined;
    } catch (error) {
      this.#failure = passError(error, 'set the firewall of the Engine’s host');
    }
    this.#lookedAt = this.#clock.monotonic();
  }
}
