import { NO_ANSWER } from './https.ts';
import { codeOf, messageOf, StatusError } from '../base/errors.ts';

/** The exit status of a process that a signal ended is 128 and the signal's number. */
export const INTERRUPTED = 128 + 2;
export const BROKEN_PIPE = 128 + 13;

/** A command that did not do what was asked: what happened, where, what to do. An empty message: all has been said already. */
export class Failure extends Error {
  override readonly name = 'Failure';
  readonly exitCode: number;

  constructor(message: string, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** The server could not be reached, or the connection to it broke. */
export class Unreachable extends Failure {}

const WORDS: Record<string, string> = {
  ECONNREFUSED: 'connection refused',
  ECONNRESET: 'the connection was reset',
  EPIPE: 'the connection was closed',
  ENOTFOUND: 'no such host',
  EAI_AGAIN: 'the host name cannot be resolved now',
  EHOSTUNREACH: 'no route to the host',
  ENETUNREACH: 'no route to the network',
  ETIMEDOUT: 'no answer',
};

/** A failed connection in words. `server` is the address as it was given. */
export function unreachable(server: string, error: unknown): Unreachable {
  const code = codeOf(error) ?? codeOf((error as { cause?: unknown } | null)?.cause) ?? '';
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return new Unreachable(
      `cannot trust ${server}: its certificate is for other names (${messageOf(error)}); use one of those, or start the daemon with this name`,
    );
  if (/CERT|SELF_SIGNED|UNABLE_TO_(VERIFY|GET)/.test(code))
    return new Unreachable(
      `cannot trust ${server}: its certificate is not of the authority in the kubeconfig (${code}); take the kubeconfig of that daemon: miniaws kubeconfig`,
    );
  if (code.startsWith('ERR_SSL') || code === 'EPROTO' || code.startsWith('HPE_'))
    return new Unreachable(
      `cannot speak to ${server}: what answers there is not the miniaws API (${messageOf(error)})`,
    );
  if (code === NO_ANSWER)
    return new Unreachable(`no answer from ${server} in time: raise --request-timeout, or look at the daemon's log`);
  const why = WORDS[code] ?? (code || messageOf(error));
  return new Unreachable(`cannot reach ${server} (${why}): is the daemon running? start it with: miniaws up`);
}

/** What a person is told about anything thrown. */
export function tell(error: unknown): string {
  if (error instanceof Failure) return error.message;
  if (!(error instanceof StatusError)) return messageOf(error);
  if (error.reason === 'Unauthorized')
    return `${error.message}; an administrator makes another (miniaws key create, or rotate), and on the daemon's machine miniaws kubeconfig --reset does`;
  return error.message;
}

export const exitCodeOf = (error: unknown): number => (error instanceof Failure ? error.exitCode : 1);
