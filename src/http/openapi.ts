import type { FastifyInstance } from 'fastify';
import { API_VERSION, GROUP, VERSION } from '../api/metadata.ts';
import type { KindRegistry } from '../api/registry.ts';
import type { JsonSchema, KindDefinition } from '../api/kind.ts';

/** OpenAPI v3 made of the kinds' schemas, as far as kubectl's apply and explain need it. */
export function openApiRoutes(app: FastifyInstance, kinds: KindRegistry): void {
  app.get('/openapi/v3', async () => ({
    paths: {
      [`apis/${API_VERSION}`]: { serverRelativeURL: `/openapi/v3/apis/${API_VERSION}` },
      'api/v1': { serverRelativeURL: '/openapi/v3/api/v1' },
    },
  }));
  const group = groupDocument(kinds);
  app.get(`/openapi/v3/apis/${API_VERSION}`, async () => group);
  app.get('/openapi/v3/api/v1', async () => ({ openapi: '3.0.0', info, paths: {}, components: { schemas: {} } }));
  // kubectl 1.27 and 1.28 read nothing of it but that it is protobuf: swagger (1) "2.0", info (2) with title and version.
  app.get('/openapi/v2', async (_request, reply) => {
    void reply.header('content-type', 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf');
    return swaggerStub();
  });
}

const info = { title: 'Mini AWS', version: VERSION };

function groupDocument(kinds: KindRegistry): object {
  return {
    openapi: '3.0.0',
    info,
    paths: Object.fromEntries(kinds.all.map(pathOf)),
    components: {
      schemas: Object.fromEntries(kinds.all.map((k) => [`dev.miniaws.${VERSION}.${k.kind}`, schemaOf(k)])),
    },
  };
}

function pathOf(kind: KindDefinition): [string, object] {
  const parameters = ['dryRun', 'fieldManager', 'fieldValidation'].map((name) => ({
    name,
    in: 'query',
    schema: { type: 'string' },
  }));
  const patch = {
    'x-kubernetes-action': 'patch',
    'x-kubernetes-group-version-kind': { group: GROUP, version: VERSION, kind: kind.kind },
    parameters,
    responses: { 200: { description: 'OK' } },
  };
  return [`/apis/${API_VERSION}/namespaces/{namespace}/${kind.plural}/{name}`, { patch }];
}

function schemaOf(kind: KindDefinition): object {
  const text = (description: string): JsonSchema => ({ type: 'string', description });
  return {
    type: 'object',
    description: kind.description,
    properties: {
      apiVersion: text(`Always ${API_VERSION}.`),
      kind: text(`Always ${kind.kind}.`),
      metadata: { type: 'object', description: 'Name, namespace, labels and annotations.' },
      spec: { description: 'What is wanted.', ...kind.spec },
      status: { description: 'What was last seen.', ...kind.status },
    },
    'x-kubernetes-group-version-kind': [{ group: GROUP, version: VERSION, kind: kind.kind }],
  };
}

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
