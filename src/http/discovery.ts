import type { FastifyInstance } from 'fastify';
import { READ_VERBS } from '../api/access.ts';
import { CORE_V1 } from '../api/metadata.ts';
import { apiRoot, groupOf } from '../api/kind.ts';
import type { KindDefinition } from '../api/kind.ts';
import type { KindRegistry } from '../api/registry.ts';
import type { ApiContext } from './context.ts';
import { AUTHENTICATED } from './permissions.ts';

/** Served, and no kind of documents: how clients are told of it. */
export interface ServedResource extends Pick<
  KindDefinition,
  'apiVersion' | 'kind' | 'scope' | 'plural' | 'singular' | 'shortNames'
> {
  verbs: readonly string[];
  subresources?: readonly { name: string; kind: string; verbs: readonly string[] }[];
}

const VERBS = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];
const AGGREGATED = /g=apidiscovery\.k8s\.io;v=(v2|v2beta1);as=APIGroupDiscoveryList/;

/** How clients find out what there is: aggregated discovery for new ones, the legacy lists for old ones. */
export function discoveryRoutes(app: FastifyInstance, context: ApiContext, more: readonly ServedResource[]): void {
  const { kinds } = context;
  const served = [EVENTS, ...more];
  const apiVersions = new Set([...kinds.apiVersions, ...served.map(({ apiVersion }) => apiVersion)]);
  const named = [...apiVersions].filter((apiVersion) => apiVersion !== CORE_V1);
  app.get('/version', AUTHENTICATED, async () => ({
    major: '1',
    minor: '32',
    gitVersion: `v1.32.0+miniaws-${context.version}`,
    platform: 'linux/amd64',
    goVersion: 'node',
    installation: context.installation,
  }));
  const lists = (path: string, listed: readonly string[], legacy: object) =>
    app.get(path, AUTHENTICATED, async (request, reply) => {
      const version = AGGREGATED.exec(request.headers.accept ?? '')?.[1];
      if (!version) return legacy;
      void reply.header('content-type', `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`);
      const items = listed.map((apiVersion) => aggregatedGroup(apiVersion, kinds, served));
      return { kind: 'APIGroupDiscoveryList', apiVersion: `apidiscovery.k8s.io/${version}`, metadata: {}, items };
    });
  lists('/apis', named, { kind: 'APIGroupList', apiVersion: 'v1', groups: named.map(groupEntry) });
  lists('/api', [CORE_V1], { kind: 'APIVersions', apiVersion: 'v1', versions: ['v1'], serverAddressByClientCIDRs: [] });
  for (const apiVersion of named)
    app.get(`/apis/${groupOf({ apiVersion })}`, AUTHENTICATED, async () => ({
      kind: 'APIGroup',
      apiVersion: 'v1',
      ...groupEntry(apiVersion),
    }));
  for (const apiVersion of [CORE_V1, ...named])
    app.get(apiRoot(apiVersion), AUTHENTICATED, async () => ({
      kind: 'APIResourceList',
      apiVersion: 'v1',
      groupVersion: apiVersion,
      resources: [
        ...servedIn(apiVersion, served).flatMap(legacyServed),
        ...kindsOf(apiVersion, kinds).flatMap(legacyResources),
      ],
    }));
}

const versionOf = (apiVersion: string): string => apiVersion.split('/').at(-1) ?? '';

const kindsOf = (apiVersion: string, kinds: KindRegistry): KindDefinition[] =>
  kinds.all.filter((kind) => kind.apiVersion === apiVersion);

const servedIn = (apiVersion: string, served: readonly ServedResource[]): ServedResource[] =>
  served.filter((resource) => resource.apiVersion === apiVersion);

function groupEntry(apiVersion: string): object {
  const groupVersion = { groupVersion: apiVersion, version: versionOf(apiVersion) };
  return { name: groupOf({ apiVersion }), versions: [groupVersion], preferredVersion: groupVersion };
}

function aggregatedGroup(apiVersion: string, kinds: KindRegistry, served: readonly ServedResource[]): object {
  const resources = [
    ...servedIn(apiVersion, served).map(aggregatedServed),
    ...kindsOf(apiVersion, kinds).map(aggregatedResource),
  ];
  return {
    metadata: { name: groupOf({ apiVersion }) },
    versions: [{ version: versionOf(apiVersion), freshness: 'Current', resources }],
  };
}

const EVENTS: ServedResource = {
  apiVersion: CORE_V1,
  kind: 'Event',
  scope: 'Namespaced',
  plural: 'events',
  singular: 'event',
  shortNames: ['ev'],
  verbs: READ_VERBS,
};

const kindIn = (apiVersion: string, kind: string): object => ({
  group: groupOf({ apiVersion }),
  version: versionOf(apiVersion),
  kind,
});

const aggregatedServed = (served: ServedResource): object => ({
  resource: served.plural,
  responseKind: kindIn(served.apiVersion, served.kind),
  scope: served.scope,
  singularResource: served.singular,
  shortNames: served.shortNames,
  verbs: served.verbs,
  subresources: (served.subresources ?? []).map(({ name, kind, verbs }) => ({
    subresource: name,
    responseKind: kindIn(served.apiVersion, kind),
    verbs,
  })),
});

function legacyServed({
  plural,
  singular,
  scope,
  kind,
  shortNames,
  verbs,
  subresources = [],
}: ServedResource): object[] {
  const namespaced = scope === 'Namespaced';
  return [
    { name: plural, singularName: singular, namespaced, kind, shortNames, verbs },
    ...subresources.map((each) => ({
      name: `${plural}/${each.name}`,
      singularName: '',
      namespaced,
      kind: each.kind,
      verbs: each.verbs,
    })),
  ];
}

const CHANGE = ['get', 'patch', 'update'];
const SCALE = { group: 'autoscaling', version: 'v1' };

function aggregatedResource(k: KindDefinition): object {
  const responseKind = kindIn(k.apiVersion, k.kind);
  return {
    resource: k.plural,
    responseKind,
    scope: k.scope,
    singularResource: k.singular,
    shortNames: k.shortNames,
    categories: k.categories,
    verbs: VERBS,
    subresources: [
      { subresource: 'status', responseKind, verbs: CHANGE },
      ...(k.scale ? [{ subresource: 'scale', responseKind: { ...SCALE, kind: 'Scale' }, verbs: CHANGE }] : []),
    ],
  };
}

function legacyResources(k: KindDefinition): object[] {
  const namespaced = k.scope === 'Namespaced';
  const names = { singularName: k.singular, namespaced, kind: k.kind };
  return [
    { name: k.plural, ...names, shortNames: k.shortNames, categories: k.categories, verbs: VERBS },
    { name: `${k.plural}/status`, singularName: '', namespaced, kind: k.kind, verbs: CHANGE },
    ...(k.scale
      ? [{ ...SCALE, name: `${k.plural}/scale`, singularName: '', namespaced, kind: 'Scale', verbs: CHANGE }]
      : []),
  ];
}
