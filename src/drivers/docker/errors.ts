import { codeOf, messageOf, PassError, type PassReason } from '../../base/errors.ts';

/** An answer of the Engine that is not a success, as docker-modem throws it. */
interface EngineAnswer {
  statusCode: number;
  json?: { message?: string } | null;
}

/** The HTTP status of the Engine's refusal; `undefined` when there was no answer. */
export function statusOf(error: unknown): number | undefined {
  const status = (error as Partial<EngineAnswer> | null)?.statusCode;
  return typeof status === 'number' ? status : undefined;
}

/** The Engine's own words, without docker-modem's wrapping. */
export function wordsOf(error: unknown): string {
  const said = (error as Partial<EngineAnswer> | null)?.json?.message;
  return (typeof said === 'string' && said ? said : messageOf(error)).trim();
}

/** No answer at all: refused, reset, hung up, not there. What the deadline throws bears `ETIMEDOUT`. */
export const isUnreachable = (error: unknown): boolean =>
  statusOf(error) === undefined && (codeOf(error) !== undefined || /socket hang up|aborted/.test(messageOf(error)));

/** The first that matches wins; without a status, any. The words are those of Engine 20.10 to 27. */
const TABLE: readonly { status?: number; words: RegExp; reason: PassReason }[] = [
  {
    words: /no such image|pull access denied|manifest (unknown|for)|repository does not exist/i,
    reason: 'ImageUnavailable',
  },
  { words: /port is already allocated|bind: address already in use|ports are not available/i, reason: 'PortInUse' },
  { words: /^address already in use|requested address is not available|no available ipv4/i, reason: 'AddressInUse' },
  { words: /executable file not found|no such file or directory: unknown/i, reason: 'StartFailed' },
  {
    words: /permission denied: unknown|unable to find (user|group)|no matching entries in passwd/i,
    reason: 'StartFailed',
  },
  {
    words: /could not select device driver|error gathering device information|failed to mount local volume/i,
    reason: 'StartFailed',
  },
  { words: /pool overlaps with other one/i, reason: 'CidrOverlap' },
  { status: 409, words: /is already in use by container|network with name [^ ]* already exists/i, reason: 'NameTaken' },
  { status: 400, words: /OCI runtime create failed|failed to create (shim|task)/i, reason: 'StartFailed' },
  { status: 400, words: /./, reason: 'Refused' },
];

/** What the Engine threw, as what happens next. The cause is kept. `doing` says for a person what was asked of it. */
export function passError(error: unknown, doing: string): PassError {
  if (error instanceof PassError) return error;
  if (isUnreachable(error)) {
    return new PassError('EngineUnavailable', `${doing}: the Engine did not answer (${messageOf(error)})`, error);
  }
  const status = statusOf(error);
  const words = withoutIds(wordsOf(error));
  const row = TABLE.find((r) => (r.status === undefined || r.status === status) && r.words.test(words));
  if (row?.reason === 'PortInUse') return new PassError('PortInUse', `${portIn(words)} is in use: ${words}`, error);
  return new PassError(row?.reason ?? 'EngineError', `${doing}: ${words}`, error);
}

/** Ids of endpoints and containers are others at each try: with them, the same failure would be another one. */
const withoutIds = (words: string): string => words.replace(/ ?\(?(?<![:\w])[0-9a-f]{64}\b\)?/g, '');

/** `Bind for 0.0.0.0:8080 failed`, `listen tcp4 0.0.0.0:8080: bind: …` */
function portIn(words: string): string {
  const port = /(?:Bind for|listen (?:tcp|udp)\d?) (\S*?:\d+)(?:\s|:)/.exec(words)?.[1];
  return port ? `host port ${port}` : 'a published host port';
}
