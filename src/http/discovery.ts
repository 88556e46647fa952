import type { FastifyInstance } from 'fastify';
import { GROUP, VERSION, API_VERSION } from '../api/metadata.ts';
import type { KindDefinition } from '../api/kind.ts';
import type { ApiContext } from './context.ts';

const VERBS = ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'];
const READ = ['get', 'list', 'watch'];
const AGGREGATED = /g=apidiscovery\.k8s\.io;v=(v2|v2beta1);as=APIGroupDiscoveryList/;

/** How clients find out what there is: aggregated discovery for new ones, the legacy lists for old ones. */
export function discoveryRoutes(app: FastifyInstance, context: ApiContext): void {
  const aggregated = (accept: string | undefined) => AGGREGATED.exec(accept ?? '')?.[1];
  app.get('/version', async () => ({
    major: '1',
    minor: '32',
    gitVersion: `v1.32.0+miniaws-${context.version}`,
    platform: 'linux/amd64',
    goVersion: 'node',
    installation: context.installation,
  }));
  app.get('/apis', async (request, reply) => {
    const version = aggregated(request.headers.accept);
    if (!version) return { kind: 'APIGroupList', apiVersion: 'v1', groups: [group] };
    void reply.header('content-type', `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`);
    return discoveryList(version, [
      {
        metadata: { name: GROUP },
        versions: [{ version: VERSION, freshness: 'Current', resources: context.kinds.all.map(aggregatedResource) }],
      },
    ]);
  });
  app.get('/api', async (request, reply) => {
    const version = aggregated(request.headers.accept);
    if (!version) return { kind: 'APIVersions', apiVersion: 'v1', versions: ['v1'], serverAddressByClientCIDRs: [] };
    void reply.header('content-type', `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList`);
    return discoveryList(version, [
      { metadata: { name: '' }, versions: [{ version: 'v1', freshness: 'Current', resources: [eventsAggregated] }] },
    ]);
  });
  app.get(`/apis/${GROUP}`, async () => ({ kind: 'APIGroup', apiVersion: 'v1', ...group }));
  app.get(`/apis/${API_VERSION}`, async () => ({
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion: API_VERSION,
    resources: context.kinds.all.flatMap(legacyResources),
  }));
  app.get('/api/v1', async () => ({
    kind: 'APIResourceList',
    apiVersion: 'v1',
    groupVersion: 'v1',
    resources: [
      { name: 'events', singularName: 'event', namespaced: true, kind: 'Event', shortNames: ['ev'], verbs: READ },
    ],
  }));
}

const groupVersion = { groupVersion: API_VERSION, version: VERSION };
const group = { name: GROUP, versions: [groupVersion], preferredVersion: groupVersion };

const discoveryList = (version: string, items: readonly object[]) => ({
  kind: 'APIGroupDiscoveryList',
  apiVersion: `apidiscovery.k8s.io/${version}`,
  metadata: {},
  items,
});

const kindOf = (kind: string, g = GROUP, v = VERSION) => ({ group: g, version: v, kind });

const eventsAggregated = {
  resource: 'events',
  responseKind: kindOf('Event', '', 'v1'),
  scope: 'Namespaced',
  singularResource: 'event',
  shortNames: ['ev'],
  verbs: READ,
};

const CHANGE = ['get', 'patch', 'update'];
const SCALE = { group: 'autoscaling', version: 'v1' };

const aggregatedResource = (k: KindDefinition): object => ({
  resource: k.plural,
  responseKind: kindOf(k.kind),
  scope: 'Namespaced',
  singularResource: k.singular,
  shortNames: k.shortNames,
  categories: k.categories,
  verbs: VERBS,
  subresources: [
    { subresource: 'status', responseKind: kindOf(k.kind), verbs: CHANGE },
    ...(k.scale ? [{ subresource: 'scale', responseKind: kindOf('Scale', 'autoscaling', 'v1'), verbs: CHANGE }] : []),
  ],
});

function legacyResources(k: KindDefinition): object[] {
  const names = { singularName: k.singular, namespaced: true, kind: k.kind };
  return [
    { name: k.plural, ...names, shortNames: k.shortNames, categories: k.categories, verbs: VERBS },
    { name: `${k.plural}/status`, singularName: '', namespaced: true, kind: k.kind, verbs: CHANGE },
    ...(k.scale
      ? [{ ...SCALE, name: `${k.plural}/scale`, singularName: '', namespaced: true, kind: 'Scale', verbs: CHANGE }]
      : []),
  ];
}
