import type { FastifyRequest } from 'fastify';
import { placed } from '../api/access.ts';
import type { Attributes, Verb, Visible } from '../api/access.ts';
import { groupOf } from '../api/kind.ts';
import type { KindRegistry } from '../api/registry.ts';
import { StatusError } from '../base/errors.ts';
import type { Credential } from './auth.ts';
import { isTrue, queryOf, targetOf } from './context.ts';
import { fieldPairs } from './selectors.ts';

/** What a route does, for whoever wants to use it. */
export interface Asked {
  verb: Verb;
  /** A plural; left out, that of the kind which the path names. */
  resource?: string;
  subresource?: string;
  /** Its answer has what the key may see, and nothing of the rest, by `request.visible`. */
  filtered?: true;
  /** It is about the object of which a field selector names the name, where there is one. */
  byName?: true;
}

/**
 * Declared by every route: one without does not start.
 * - `authenticated`: whoever has a key may. It tells nothing of any object.
 * - `anonymous`: no key is asked for. The route has its own way to know who asks, such as a signature.
 */
export type Permission = Asked | 'authenticated' | 'anonymous';

/** The options of a route that tells nothing of any object. */
export const AUTHENTICATED = { config: { permission: 'authenticated' } } as const;

/** The options of a route that does this. */
export const permits = (verb: Verb, more: Omit<Asked, 'verb'> = {}): { config: { permission: Asked } } => ({
  config: { permission: { verb, ...more } },
});

declare module 'fastify' {
  interface FastifyContextConfig {
    permission?: Permission;
  }

  interface FastifyRequest {
    /** Who asks; set before any handler runs. */
    credential: Credential;
    /** What is asked for, where the route says so. */
    attributes: Attributes | undefined;
    /** Of a list: which objects the answer may have. */
    visible: Visible;
    /** It is in the record already, with what it wrote. */
    audited: boolean;
  }
}

/** What the request asks for by its route. Throws NotFound for a plural that no kind has. */
export function attributesOf(request: FastifyRequest, asked: Asked, kinds: KindRegistry): Attributes {
  const { namespace = '', name } = request.params as { namespace?: string; name?: string };
  const { resource = targetOf(request, kinds).kind.plural, subresource = '' } = asked;
  const isMany = asked.verb === 'list' || asked.verb === 'deletecollection';
  const query = isMany ? queryOf(request) : {};
  const verb = asked.verb === 'list' && query['watch'] && isTrue(query['watch']) ? 'watch' : asked.verb;
  const named = name ?? (asked.byName ? nameIn(query['fieldSelector']) : '');
  return { verb, resource, subresource, ...placed(resource, namespace, named) };
}

/** A selector that cannot be read names nothing here, and is refused by the list. */
function nameIn(selector: string | undefined): string {
  try {
    return fieldPairs(selector).find(({ path, equal }) => path === 'metadata.name' && equal)?.value ?? '';
  } catch {
    return '';
  }
}

/** Which objects it may be about. Throws Forbidden where that is none. */
export function authorize(credential: Credential, attributes: Attributes, asked: Asked, kinds: KindRegistry): Visible {
  const { access } = credential;
  if (access.allows(attributes)) return 'all';
  const visible = asked.filtered && access.visible(attributes);
  if (visible) return visible;
  throw notAllowed(credential, attributes, kinds);
}

/** What a request comes to beyond what its route says, such as another verb. Throws Forbidden. */
export function checkAlso(
  { credential, attributes }: FastifyRequest,
  also: Partial<Attributes>,
  kinds: KindRegistry,
): void {
  if (!attributes) return;
  const asked: Attributes = { ...attributes, ...also };
  if (!credential.access.allows(asked)) throw notAllowed(credential, asked, kinds);
}

function notAllowed({ user, key }: Credential, attributes: Attributes, kinds: KindRegistry): StatusError {
  const { verb, resource, subresource, namespace, name } = attributes;
  const kind = kinds.all.find(({ plural }) => plural === resource);
  const what = subresource === '' ? resource : `${resource}/${subresource}`;
  const group = kind ? ` in API group "${groupOf(kind)}"` : '';
  const scope = namespace === '' ? 'at the cluster scope' : `in the namespace "${namespace}"`;
  return new StatusError(
    'Forbidden',
    `${what}${name && ` "${name}"`} is forbidden: User "${user}" cannot ${verb} resource "${what}"${group} ${scope}: the key "${key}" does not allow it (miniaws can-i --list tells what it does)`,
    { details: { name, kind: resource, group: kind ? groupOf(kind) : '' } },
  );
}
