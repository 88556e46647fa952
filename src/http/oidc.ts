import { createRemoteJWKSet, errors, jwtVerify } from 'jose';
import type { JWTPayload, JWTVerifyGetKey } from 'jose';
import { accessOf } from '../api/access.ts';
import type { KindRegistry } from '../api/registry.ts';
import { ROLES, rulesOfRole } from '../api/roles.ts';
import type { Role } from '../api/roles.ts';
import type { Clock } from '../base/clock.ts';
import { messageOf, StatusError } from '../base/errors.ts';
import { sha256 } from '../base/hash.ts';
import type { Identity, TokenAuthenticator } from './auth.ts';

/** What every JSON Web Token looks like. */
const JWT = /^[\w-]+\.[\w-]+\.[\w-]+$/;
/** Signatures by keys that the issuer publishes; none that a client could make with what is public. */
const ALGORITHMS = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'];
/** Milliseconds for the issuer to answer. */
const ISSUER_MS = 5_000;
/** As long as a name of the record may be. */
const USER = /^\P{C}{1,253}$/u;
/** Clocks that go apart, seconds. */
const TOLERANCE_S = 10;
/** Tokens whose signature need not be looked at again. */
const REMEMBERED = 1_000;
/** Seconds: a token that says a longer life has it no longer. */
const LONGEST_S = 24 * 3_600;

/** What members of a group may do. */
interface RoleOfGroup {
  /** `*`: whoever has signed in. */
  group: string;
  role: Role;
  namespaces?: readonly string[];
}

export interface OidcSettings {
  issuer: string;
  clientId: string;
  usernameClaim: string;
  groupsClaim: string;
  roles: readonly RoleOfGroup[];
}

/** `ops=admin`, `dev=edit@shop+stage`. Throws an Error that says what is wrong. */
export function roleOfGroup(text: string): RoleOfGroup {
  const [, group, word, where] = /^([^=]+)=([a-z]+)(?:@([-a-z0-9+]+))?$/.exec(text) ?? [];
  const role = ROLES.find((each) => each === word);
  if (group === undefined || role === undefined)
    throw new Error(
      `expected GROUP=ROLE or GROUP=ROLE@NAMESPACE+NAMESPACE, with a role of ${ROLES.join(', ')}, found "${text}"`,
    );
  return { group, role, ...(where === undefined ? {} : { namespaces: where.split('+') }) };
}

/** Knows the tokens of a company's sign-in (OpenID Connect), as Kubernetes' API server does. */
export class OidcAuthenticator implements TokenAuthenticator {
  readonly #settings: OidcSettings;
  readonly #kinds: KindRegistry;
  readonly #clock: Clock;
  #keys: Promise<JWTVerifyGetKey> | undefined;
  readonly #known = new Map<string, { identity: Identity; expires: number }>();

  constructor(settings: OidcSettings, kinds: KindRegistry, clock: Clock) {
    this.#settings = settings;
    this.#kinds = kinds;
    this.#clock = clock;
  }

  authenticate(token: string): Promise<Identity> | Identity | undefined {
    if (!JWT.test(token)) return undefined;
    const hash = sha256(token);
    const known = this.#known.get(hash);
    if (known && known.expires > this.#seconds()) return known.identity;
    return this.#verify(token, hash);
  }

  async #verify(token: string, hash: string): Promise<Identity> {
    const { issuer, clientId } = this.#settings;
    const keys = await this.#issuerKeys();
    const { payload } = await jwtVerify(token, keys, {
      issuer,
      audience: clientId,
      algorithms: ALGORITHMS,
      clockTolerance: TOLERANCE_S,
      requiredClaims: ['exp'],
      currentDate: this.#clock.now(),
    }).catch((error: unknown) => {
      throw refusalOf(error);
    });
    const expires = Math.min(payload.exp ?? 0, this.#seconds() + LONGEST_S);
    const identity = this.#identityOf(payload, expires);
    if (this.#known.size >= REMEMBERED) this.#known.clear();
    this.#known.set(hash, { identity, expires });
    return identity;
  }

  #identityOf(payload: JWTPayload, expires: number): Identity {
    const { usernameClaim, groupsClaim, roles } = this.#settings;
    const user = payload[usernameClaim];
    if (typeof user !== 'string' || !USER.test(user))
      throw new StatusError(
        'Unauthorized',
        `the token has no claim "${usernameClaim}" of up to 253 printable characters, which names its user`,
      );
    // Whoever can choose an address for himself is nobody until it was looked at.
    if (usernameClaim === 'email' && payload['email_verified'] === false)
      throw new StatusError('Unauthorized', 'the email of the token was not verified by its issuer');
    const given = payload[groupsClaim];
    const groups = [given].flat().filter((group): group is string => typeof group === 'string');
    const meant = roles.filter(({ group }) => group === '*' || groups.includes(group));
    return {
      key: 'oidc',
      user,
      groups,
      access: accessOf(meant.flatMap(({ role, namespaces }) => rulesOfRole(role, this.#kinds, namespaces))),
      isGood: () => expires > this.#seconds(),
    };
  }

  /** Of the issuer's own description; a failure is forgotten, and asked again. */
  #issuerKeys(): Promise<JWTVerifyGetKey> {
    this.#keys ??= discoverKeys(this.#settings.issuer).catch((error: unknown) => {
      this.#keys = undefined;
      throw new StatusError(
        'ServiceUnavailable',
        `the issuer ${this.#settings.issuer} does not answer: ${messageOf(error)}`,
        {
          details: { retryAfterSeconds: 5 },
        },
      );
    });
    return this.#keys;
  }

  #seconds(): number {
    return this.#clock.now().getTime() / 1_000;
  }
}

async function discoverKeys(issuer: string): Promise<JWTVerifyGetKey> {
  const url = `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`;
  const response = await fetch(url, { signal: AbortSignal.timeout(ISSUER_MS), redirect: 'error' });
  if (!response.ok) throw new Error(`${url} answered ${response.status}`);
  const { issuer: said, jwks_uri: keys } = (await response.json()) as { issuer?: unknown; jwks_uri?: unknown };
  if (said !== issuer) throw new Error(`${url} is of another issuer, ${String(said)}`);
  if (typeof keys !== 'string' || !URL.canParse(keys)) throw new Error(`${url} names no jwks_uri`);
  if (new URL(issuer).protocol === 'https:' && new URL(keys).protocol !== 'https:')
    throw new Error(`${url} names keys that are not served by https`);
  return createRemoteJWKSet(new URL(keys), { timeoutDuration: ISSUER_MS });
}

function refusalOf(error: unknown): StatusError {
  if (error instanceof errors.JWTExpired)
    return new StatusError('Unauthorized', 'the token has expired: sign in again');
  if (
    error instanceof errors.JOSEError &&
    !(error instanceof errors.JWKSTimeout) &&
    !(error instanceof errors.JWKSInvalid)
  )
    return new StatusError('Unauthorized', `the token is not accepted: ${messageOf(error)}`);
  return new StatusError('ServiceUnavailable', `the issuer's keys cannot be had: ${messageOf(error)}`, {
    details: { retryAfterSeconds: 5 },
  });
}
