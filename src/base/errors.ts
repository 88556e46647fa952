/**
 * Two families of errors, told apart by who reads them.
 *
 * A `StatusError` refuses a request: it becomes a Kubernetes Status body and an exit status of the command.
 * A `PassError` ends a step of a pass: it says what happens next (retry, wait, blocked) and becomes a condition.
 */

/** What the API answers, by Kubernetes' reasons. The number is the HTTP status. The table of the daemon's page is kept equal by a test. */
export const STATUS_REASONS = {
  BadRequest: 400,
  Unauthorized: 401,
  Forbidden: 403,
  NotFound: 404,
  MethodNotAllowed: 405,
  AlreadyExists: 409,
  Conflict: 409,
  Expired: 410,
  RequestEntityTooLarge: 413,
  UnsupportedMediaType: 415,
  Invalid: 422,
  TooManyRequests: 429,
  InternalError: 500,
  ServiceUnavailable: 503,
  Timeout: 504,
} as const;

export type StatusReason = keyof typeof STATUS_REASONS;

/** One cause of a refusal: `field` is a path such as `spec.ports[1]`. */
export interface Cause {
  reason: string;
  message: string;
  field?: string;
}

/** A request that was refused. Nothing has changed (I13). */
export class StatusError extends Error {
  override readonly name = 'StatusError';
  readonly reason: StatusReason;
  readonly causes: readonly Cause[];
  /** The object spoken of, when there is one. `kind` is the plural, as Kubernetes has it. */
  readonly details: { name?: string; kind?: string; group?: string; retryAfterSeconds?: number };

  constructor(
    reason: StatusReason,
    message: string,
    more: { causes?: readonly Cause[]; details?: StatusError['details']; cause?: unknown } = {},
  ) {
    super(message, more.cause === undefined ? undefined : { cause: more.cause });
    this.reason = reason;
    this.causes = more.causes ?? [];
    this.details = more.details ?? {};
  }

  get code(): number {
    return STATUS_REASONS[this.reason];
  }
}

/** What the engine does after a step failed: try again with back-off, wait for something else to change, or wait for a person. */
export type NextMove = 'retry' | 'wait' | 'blocked';

/**
 * Why a resource is not Ready, as its conditions' `reason`, with what the engine does next. The codes are stable:
 * people write alerts on them. `retry` backs off fast; `blocked` is looked at again at the slowest rate, and at
 * once when the spec or the world changes.
 */
export const PASS_REASONS = {
  /** The Engine did not answer, or answered 5xx. Nothing is concluded from it (I4). */
  EngineUnavailable: 'retry',
  /** The database refused or lost a write of the pass. */
  StoreUnavailable: 'retry',
  /** The place of the bytes of objects did not take them: it is full, or cannot be used. */
  StorageUnavailable: 'retry',
  /** The Engine refused for a reason that this table does not name; its own words are the message. */
  EngineError: 'retry',
  /** The image is neither present nor to be had. */
  ImageUnavailable: 'retry',
  /** A published host port is held by someone else. */
  PortInUse: 'retry',
  /** The container's process could not be started: no such executable, no such user, not permitted. */
  StartFailed: 'retry',
  /** An address or subnet is taken on the Engine by something that is not ours. */
  AddressInUse: 'retry',
  /** Something else bears the deterministic name and not our mark (I5). */
  NameTaken: 'blocked',
  /** The subnet overlaps a network that is not ours. */
  CidrOverlap: 'blocked',
  /** A network that is to go still has containers on it that no document stands for. */
  InUse: 'retry',
  /** Every address of the subnet is given out. One comes free when another leaves, as in a rolling update. */
  SubnetFull: 'retry',
  /** The Engine refuses the specification itself (a 400 that is not about an image or a start). */
  Refused: 'blocked',
  /** Another object must exist, be ready, or be gone first. */
  DependencyNotReady: 'wait',
  /** This daemon no longer leads; whatever it was doing is the next leader's. */
  LeaseLost: 'retry',
} as const satisfies Record<string, NextMove>;

export type PassReason = keyof typeof PASS_REASONS;

/** A step that did not succeed, in words that a person can act on, and with the move that follows. */
export class PassError extends Error {
  override readonly name = 'PassError';
  readonly reason: PassReason;

  constructor(reason: PassReason, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.reason = reason;
  }

  get move(): NextMove {
    return PASS_REASONS[this.reason];
  }
}

/** The message of anything thrown; never throws itself. */
export function messageOf(error: unknown): string {
  if (error instanceof Error) return error.message || error.name;
  return String(error);
}

/** The system or SQLSTATE code that a Node or pg error carries, if it does. */
export function codeOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : undefined;
}
