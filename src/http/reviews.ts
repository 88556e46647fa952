import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { ALL, placed } from '../api/access.ts';
import type { Attributes, PolicyRule } from '../api/access.ts';
import { groupOf } from '../api/kind.ts';
import { GROUP } from '../api/metadata.ts';
import type { KindRegistry } from '../api/registry.ts';
import { timestamp } from '../admission/admit.ts';
import { grouped } from '../base/grouped.ts';
import { parseBody } from './body.ts';
import type { ApiContext } from './context.ts';
import { AUTHENTICATED } from './permissions.ts';

/** What kubectl asks about itself, in JSON or protobuf; field numbers are those of k8s.io/api. */
const USER_REVIEW = { kind: 'SelfSubjectReview', protobuf: '' };
const ACCESS_REVIEW = {
  kind: 'SelfSubjectAccessReview',
  protobuf: `
    message ResourceAttributes { string namespace = 1; string verb = 2; string group = 3; string version = 4; string resource = 5; string subresource = 6; string name = 7; }
    message NonResourceAttributes { string path = 1; string verb = 2; }
    message AccessReviewSpec { ResourceAttributes resourceAttributes = 1; NonResourceAttributes nonResourceAttributes = 2; }
    AccessReviewSpec spec = 2;`,
};
const RULES_REVIEW = {
  kind: 'SelfSubjectRulesReview',
  protobuf: 'message RulesReviewSpec { string namespace = 1; } RulesReviewSpec spec = 2;',
};
const AUTHENTICATION = 'authentication.k8s.io/v1';
const AUTHORIZATION = 'authorization.k8s.io/v1';
/** What is no resource, and whoever has a key may read. */
const OPEN_PATHS = ['/api', '/api/*', '/apis', '/apis/*', '/healthz', '/livez', '/openapi/*', '/readyz', '/version'];
const METRICS_PATH = '/metrics';

interface AccessReviewSpec {
  resourceAttributes?: Partial<Record<'namespace' | 'verb' | 'resource' | 'subresource' | 'name', string>>;
  nonResourceAttributes?: { path?: string; verb?: string };
}

/** `kubectl auth whoami` and `auth can-i`: who the key stands for, and what it may do. */
export function reviewRoutes(app: FastifyInstance, context: ApiContext, sameAs: ReadonlyMap<string, string>): void {
  const { kinds, clock } = context;
  const review = (
    path: string,
    apiVersion: string,
    form: { kind: string; protobuf: string },
    statusOf: (request: FastifyRequest, spec: unknown) => object,
  ) =>
    app.post(path, AUTHENTICATED, async (request: FastifyRequest, reply: FastifyReply) => {
      const sent = (parseBody(request.body, request.headers['content-type'], form) ?? {}) as { spec?: unknown };
      void reply.code(201);
      const metadata = { creationTimestamp: timestamp(clock.now()) };
      return { kind: form.kind, apiVersion, metadata, spec: sent.spec ?? {}, status: statusOf(request, sent.spec) };
    });
  review(`/apis/${AUTHENTICATION}/selfsubjectreviews`, AUTHENTICATION, USER_REVIEW, ({ credential }) => ({
    userInfo: {
      username: credential.user,
      groups: credential.groups,
      extra: { [`${GROUP}/key`]: [credential.key] },
    },
  }));
  review(`/apis/${AUTHORIZATION}/selfsubjectaccessreviews`, AUTHORIZATION, ACCESS_REVIEW, ({ credential }, spec) => {
    const asked = attributesIn((spec ?? {}) as AccessReviewSpec, sameAs);
    const allowed = asked === undefined || credential.access.allows(asked);
    return { allowed, ...(allowed ? {} : { reason: `the key "${credential.key}" does not allow it` }) };
  });
  review(`/apis/${AUTHORIZATION}/selfsubjectrulesreviews`, AUTHORIZATION, RULES_REVIEW, ({ credential }, spec) => {
    const { namespace = '' } = (spec ?? {}) as { namespace?: string };
    return {
      resourceRules: credential.access.rules.flatMap((rule) => rulesIn(rule, namespace, kinds)),
      nonResourceRules: [{ verbs: ['get'], nonResourceURLs: OPEN_PATHS }],
      incomplete: false,
    };
  });
}

/** `undefined`: what everybody may. */
function attributesIn(spec: AccessReviewSpec, sameAs: ReadonlyMap<string, string>): Attributes | undefined {
  const { resourceAttributes, nonResourceAttributes } = spec;
  if (resourceAttributes) {
    const { verb = '', resource = '', subresource = '', namespace = '', name = '' } = resourceAttributes;
    const meant = sameAs.get(resource) ?? resource;
    return { verb, resource: meant, subresource, ...placed(meant, namespace, name) };
  }
  const { path = '', verb = '' } = nonResourceAttributes ?? {};
  if (path === METRICS_PATH) return { verb, resource: 'metrics', subresource: '', namespace: '', name: '' };
  const isOpen = OPEN_PATHS.some(
    (open) => path === open || (open.endsWith('/*') && path.startsWith(open.slice(0, -1))),
  );
  return isOpen && verb === 'get' ? undefined : { verb, resource: path, subresource: '', namespace: '', name: '' };
}

/** As Kubernetes tells rules: by API group, and of this namespace. */
function rulesIn({ verbs, resources, namespaces, resourceNames }: PolicyRule, namespace: string, kinds: KindRegistry) {
  if (namespaces && !namespaces.includes(ALL) && !namespaces.includes(namespace)) return [];
  const byGroup = grouped(resources, (word) => {
    const [plural = ''] = word.split('/');
    const kind = kinds.all.find((each) => each.plural === plural);
    return plural === ALL ? ALL : kind ? groupOf(kind) : plural === 'events' ? '' : GROUP;
  });
  return [...byGroup].map(([group, words]) => ({
    verbs,
    apiGroups: [group],
    resources: words,
    ...(resourceNames && { resourceNames }),
  }));
}
