import protobuf from 'protobufjs';
import type { RawDocument } from '../admission/admit.ts';
import type { KindDefinition } from '../api/kind.ts';
import { messageOf, StatusError } from '../base/errors.ts';
import { memoised } from '../base/memoised.ts';

/**
 * Kubernetes' protobuf, as kubectl sends objects of Kubernetes' own kinds: a magic number, then `runtime.Unknown`, in which
 * the object is. Field numbers are those of k8s.io/apimachinery's and k8s.io/api's generated.proto. Fields that are not
 * here belong to the server, and are skipped.
 */
const COMMON = `
  syntax = "proto3";
  message TypeMeta { string apiVersion = 1; string kind = 2; }
  message Unknown { TypeMeta typeMeta = 1; bytes raw = 2; string contentEncoding = 3; }
  message OwnerReference { string kind = 1; string name = 3; string uid = 4; string apiVersion = 5; bool controller = 6; bool blockOwnerDeletion = 7; }
  message ObjectMeta { string name = 1; string generateName = 2; string namespace = 3; string uid = 5; string resourceVersion = 6;
    map<string, string> labels = 11; map<string, string> annotations = 12; repeated OwnerReference ownerReferences = 13; repeated string finalizers = 14; }
  message Preconditions { string uid = 1; string resourceVersion = 2; }
  message DeleteOptions { Preconditions preconditions = 2; string propagationPolicy = 4; repeated string dryRun = 5; }
`;
type ProtobufForm = Pick<KindDefinition, 'kind' | 'protobuf'>;

const MAGIC = Buffer.from('k8s\0');

const common = protobuf.parse(COMMON, { keepCase: true }).root;

const messageOfKind = memoised(({ kind, protobuf: fields }: ProtobufForm): protobuf.Type | undefined => {
  if (fields === undefined) return undefined;
  const text = `${COMMON} message ${kind} { ObjectMeta metadata = 1; ${fields} }`;
  return protobuf.parse(text, { keepCase: true }).root.lookupType(kind);
});

export const isProtobuf = (contentType: string | undefined): boolean => contentType?.includes('protobuf') === true;

/** The object as JSON would have it. Throws UnsupportedMediaType for a kind that has no form in protobuf. */
export function readProtobuf(body: Buffer, kind: ProtobufForm): RawDocument {
  if (!body.subarray(0, MAGIC.length).equals(MAGIC)) throw bad('it does not begin as Kubernetes’ protobuf does');
  if (body.includes('__proto__')) throw bad('it has a member named "__proto__", which no document has');
  try {
    const { typeMeta = {}, raw, contentEncoding } = plainOf(common.lookupType('Unknown'), body.subarray(MAGIC.length));
    if (contentEncoding !== undefined) throw new Error('its content is compressed');
    const { kind: name, apiVersion } = typeMeta as { kind?: string; apiVersion?: string };
    const message = name === 'DeleteOptions' ? common.lookupType(name) : messageOfKind(kind);
    if (!message) throw new Error(`it holds no ${kind.kind}`);
    const content = plainOf(message, Buffer.from((raw as string | undefined) ?? '', 'base64'));
    return { apiVersion, kind: name, ...content } as RawDocument;
  } catch (error) {
    if (kind.protobuf !== undefined) throw bad(messageOf(error));
    throw new StatusError(
      'UnsupportedMediaType',
      `${kind.kind} is not read as protobuf: send application/json or application/yaml`,
    );
  }
}

/** Go writes texts and lists that are empty too: what is empty is not there. */
function plainOf(type: protobuf.Type, bytes: Buffer): Record<string, unknown> {
  const message = type.toObject(type.decode(bytes), { bytes: String, longs: Number });
  return withoutEmpty(message);
}

const withoutEmpty = (members: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(members).flatMap(([name, value]) => {
      if (value === '') return [];
      return [[name, name === 'metadata' ? withoutEmpty(value as Record<string, unknown>) : value]];
    }),
  );

const bad = (why: string): StatusError =>
  new StatusError('BadRequest', `the body is not protobuf that is read here: ${why}`);
