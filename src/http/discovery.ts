import type { FastifyInstance } from 'fastify';
import { CORE_V1 } from '../api/metadata.ts';
import { apiRoot, groupOf } from '../api/kind.ts';
import type { KindDefinition } from '../api/kind.ts';
import type { KindRegistry } from '../api/registry.ts';
import type { ApiContext } from './context.ts';
import { AUTHENTICATED } from './permissions.ts';

const VERBS = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];
const READ = ['get', 'list', 'watch'];
const AGGREGATED = /g=apidiscovery\.k8s\.io;v=(v2|v2beta1);as=APIGroupDiscoveryList/;

/** How clients find out what there is: aggregated discovery for new ones, the legacy lists for old ones. */
export function discoveryRoutes(app: FastifyInstance, context: ApiContext): void {
  const { kinds } = context;
  const named = kinds.apiVersions.filter((apiVersion) => apiVersion !== CORE_V1);
  app.get('/version', AUTHENTICATED, async () => ({
    major: '1',
    minor: '32',
    gitVersion: `v1.32.0+miniaws-${context.version}`,
    platform: 'linux/amd64',
    goVersion: 'node',
    installation: context.installation,
  }));
  const lists = (path: string, apiVersions: readonly string[], legacy: object) =>
    app.get(path, AUTHENTICATED, async (request, reply) => {
      const version = AGGREGATED.exec(request.headers.accept ?? '')?.[1];
      if (!version) return legacy;
      void reply.header('content-type', `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`);
      const items = apiVersions.map((apiVersion) => aggregatedGroup(apiVersion, kinds));
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
      resources: [...(apiVersion === CORE_V1 ? [EVENTS] : []), ...kindsOf(apiVersion, kinds).flatMap(legacyResources)],
    }));
}

const versionOf = (apiVersion: string): string => apiVersion.split('/').at(-1) ?? '';

const kindsOf = (apiVersion: string, kinds: KindRegistry): KindDefinition[] =>
  kinds.all.filter((kind) => kind.apiVersion === apiVersion);

function groupEntry(apiVersion: string): object {
  const groupVersion = { groupVersion: apiVersion, version: versionOf(apiVersion) };
  return { name: groupOf({ apiVersion }), versions: [groupVersion], preferredVersion: groupVersion };
}

function aggregatedGroup(apiVersion: string, kinds: KindRegistry): object {
  const resources = kindsOf(apiVersion, kinds).map(aggregatedResource);
  if (apiVersion === CORE_V1) resources.unshift(AGGREGATED_EVENTS);
  return {
    metadata: { name: groupOf({ apiVersion }) },
    versions: [{ version: versionOf(apiVersion), freshness: 'Current', resources }],
  };
}

const EVENTS = {
  name: 'events',
  singularName: 'event',
  namespaced: true,
  kind: 'Event',
  shortNames: ['ev'],
  verbs: READ,
};

const AGGREGATED_EVENTS: object = {
  resource: 'events',
  responseKind: { group: '', version: 'v1', kind: 'Event' },
  scope: 'Namespaced',
  singularResource: 'event',
  shortNames: ['ev'],
  verbs: READ,
};

const CHANGE = ['get', 'patch', 'update'];
const SCALE = { group: 'autoscaling', version: 'v1' };

function aggregatedResource(k: KindDefinition): object {
  const responseKind = { group: groupOf(k), version: versionOf(k.apiVersion), kind: k.kind };
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
