import type { FastifyInstance } from 'fastify';
import { documentSchema } from '../api/fields.ts';
import { CORE_V1, VERSION } from '../api/metadata.ts';
import type { KindRegistry } from '../api/registry.ts';
import { apiRoot, groupOf } from '../api/kind.ts';
import type { KindDefinition } from '../api/kind.ts';
import { AUTHENTICATED } from './permissions.ts';

/** OpenAPI v3 made of the kinds' schemas, as far as kubectl's apply and explain need it. */
export function openApiRoutes(app: FastifyInstance, kinds: KindRegistry): void {
  const apiVersions = [...new Set([...kinds.apiVersions, CORE_V1])];
  const addressOf = (apiVersion: string) => `/openapi/v3${apiRoot(apiVersion)}`;
  app.get('/openapi/v3', AUTHENTICATED, async () => ({
    paths: Object.fromEntries(
      apiVersions.map((version) => [apiRoot(version).slice(1), { serverRelativeURL: addressOf(version) }]),
    ),
  }));
  for (const apiVersion of apiVersions) {
    const document = documentOf(kinds.all.filter((kind) => kind.apiVersion === apiVersion));
    app.get(addressOf(apiVersion), AUTHENTICATED, async () => document);
  }
  // kubectl 1.27 and 1.28 read nothing of it but that it is protobuf: swagger (1) "2.0", info (2) with title and version.
  app.get('/openapi/v2', AUTHENTICATED, async (_request, reply) => {
    void reply.header('content-type', 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf');
    return swaggerStub();
  });
}

const info = { title: 'Mini AWS', version: VERSION };

const documentOf = (kinds: readonly KindDefinition[]): object => ({
  openapi: '3.0.0',
  info,
  paths: Object.fromEntries(kinds.map(pathOf)),
  components: { schemas: Object.fromEntries(kinds.map((kind) => [schemaName(kind), schemaOf(kind)])) },
});

/** As Kubernetes names them: `dev.miniaws.v1.VPC`, `io.k8s.api.core.v1.Secret`. */
function schemaName(kind: KindDefinition): string {
  const group = groupOf(kind);
  const version = kind.apiVersion.split('/').at(-1) ?? '';
  const reversed = group === '' ? 'io.k8s.api.core' : group.split('.').toReversed().join('.');
  return `${reversed}.${version}.${kind.kind}`;
}

const groupVersionKind = (kind: KindDefinition): object => ({
  group: groupOf(kind),
  version: kind.apiVersion.split('/').at(-1),
  kind: kind.kind,
});

function pathOf(kind: KindDefinition): [string, object] {
  const parameters = ['dryRun', 'fieldManager', 'fieldValidation'].map((name) => ({
    name,
    in: 'query',
    schema: { type: 'string' },
  }));
  const patch = {
    'x-kubernetes-action': 'patch',
    'x-kubernetes-group-version-kind': groupVersionKind(kind),
    parameters,
    responses: { 200: { description: 'OK' } },
  };
  const place = kind.scope === 'Namespaced' ? '/namespaces/{namespace}' : '';
  return [`${apiRoot(kind.apiVersion)}${place}/${kind.plural}/{name}`, { patch }];
}

const schemaOf = (kind: KindDefinition): object => ({
  ...documentSchema(kind),
  'x-kubernetes-group-version-kind': [groupVersionKind(kind)],
});

function swaggerStub(): Buffer {
  const field = (number: number, bytes: Buffer) =>
    Buffer.concat([Buffer.from([(number << 3) | 2, bytes.length]), bytes]);
  const text = (number: number, value: string) => field(number, Buffer.from(value));
  return Buffer.concat([
    text(1, '2.0'),
    field(2, Buffer.concat([text(1, info.title), text(2, info.version)])),
    field(8, Buffer.alloc(0)),
    field(9, Buffer.alloc(0)),
  ]);
}
