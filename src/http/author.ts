import { firstNotCovered, placed, ruleText } from '../api/access.ts';
import type { Author } from '../api/kind.ts';
import type { KindRegistry } from '../api/registry.ts';
import { refOf } from '../api/metadata.ts';
import { forbidden } from '../admission/operations.ts';
import type { Credential } from './auth.ts';

/** Who writes, as admission asks: by the key that the request came with. */
export const authorOf = ({ user, access }: Pick<Credential, 'user' | 'access'>, kinds: KindRegistry): Author => ({
  user,
  checkGrants(kind, resource) {
    const wanted = kind.grants?.(resource, kinds) ?? [];
    const missing = firstNotCovered(wanted, access.rules);
    if (missing)
      throw forbidden(
        kind,
        resource.metadata.name,
        `User "${user}" may not grant what it may not do itself: ${ruleText(missing)}`,
      );
  },
  sees(resource) {
    const { namespace, name } = refOf(resource);
    const { plural } = kinds.must(resource.kind);
    return access.allows({ verb: 'get', resource: plural, subresource: '', ...placed(plural, namespace, name) });
  },
});
