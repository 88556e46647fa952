import type { KindRegistry } from '../api/registry.ts';
import type { Clock } from '../base/clock.ts';
import { listOf } from '../base/config.ts';
import type { Config } from '../base/config.ts';
import { messageOf } from '../base/errors.ts';
import type { HttpExtension } from '../http/extension.ts';
import { OidcAuthenticator, roleOfGroup } from '../http/oidc.ts';

/** Nothing where there is no issuer. Throws for a setting that means nothing. */
export function oidcExtension(config: Config, kinds: KindRegistry, clock: Clock): HttpExtension[] {
  const { oidcIssuer: issuer, oidcClientId: clientId, oidcUsernameClaim, oidcGroupsClaim, oidcRoles } = config;
  if (issuer === '') return [];
  const roles = listOf(oidcRoles).map((text) => {
    try {
      return roleOfGroup(text);
    } catch (error) {
      throw new Error(`--oidc-roles (MINIAWS_OIDC_ROLES): ${messageOf(error)}`, { cause: error });
    }
  });
  const settings = { issuer, clientId, usernameClaim: oidcUsernameClaim, groupsClaim: oidcGroupsClaim, roles };
  return [{ authenticators: () => [new OidcAuthenticator(settings, kinds, clock)] }];
}
