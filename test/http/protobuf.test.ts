import protobuf from 'protobufjs';
import { describe, expect, it } from 'vitest';
import { StatusError } from '../../src/base/errors.ts';
import { readProtobuf } from '../../src/http/protobuf.ts';
import { KINDS } from '../../src/kinds/index.ts';

/** As client-go writes it: every text is written, also one that is empty, and fields that the server owns. */
const PROTO = `
  syntax = "proto2";
  message TypeMeta { optional string apiVersion = 1; optional string kind = 2; }
  message Unknown { optional TypeMeta typeMeta = 1; optional bytes raw = 2; optional string contentEncoding = 3; optional string contentType = 4; }
  message Time { optional int64 seconds = 1; }
  message ObjectMeta { optional string name = 1; optional string generateName = 2; optional string namespace = 3; optional string selfLink = 4;
    optional string uid = 5; optional string resourceVersion = 6; optional int64 generation = 7; optional Time creationTimestamp = 8; map<string, string> labels = 11; }
  message Secret { optional ObjectMeta metadata = 1; map<string, bytes> data = 2; optional string type = 3; }
  message ConfigMap { optional ObjectMeta metadata = 1; map<string, string> data = 2; map<string, bytes> binaryData = 3; optional bool immutable = 4; }
  message DeleteOptions { optional int64 gracePeriodSeconds = 1; optional string propagationPolicy = 4; }
`;
const { root } = protobuf.parse(PROTO, { keepCase: true });
const encode = (type: string, content: object): Buffer => Buffer.from(root.lookupType(type).encode(content).finish());
const sent = (kind: string, raw: Buffer, more: object = {}): Buffer =>
  Buffer.concat([
    Buffer.from('k8s\0'),
    encode('Unknown', { typeMeta: { apiVersion: 'v1', kind }, raw, contentEncoding: '', contentType: '', ...more }),
  ]);
const metadata = {
  name: 'one',
  generateName: '',
  namespace: 'default',
  selfLink: '',
  uid: '',
  resourceVersion: '',
  generation: 0,
  creationTimestamp: {},
  labels: { a: '' },
};

describe('an object in Kubernetes’ protobuf', () => {
  it('is read as JSON would have it, without what is empty', () => {
    const secret = encode('Secret', { metadata, data: { pw: Buffer.from([0, 255]) }, type: '' });
    expect(readProtobuf(sent('Secret', secret), KINDS.must('Secret'))).toEqual({
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: 'one', namespace: 'default', labels: { a: '' } },
      data: { pw: 'AP8=' },
    });
    const map = encode('ConfigMap', {
      metadata,
      data: { a: '', b: 'x' },
      binaryData: { c: Buffer.from('y') },
      immutable: false,
    });
    expect(readProtobuf(sent('ConfigMap', map), KINDS.must('ConfigMap'))).toMatchObject({
      data: { a: '', b: 'x' },
      binaryData: { c: 'eQ==' },
      immutable: false,
    });
    const options = encode('DeleteOptions', { gracePeriodSeconds: 3, propagationPolicy: 'Foreground' });
    expect(readProtobuf(sent('DeleteOptions', options), KINDS.must('VPC'))).toMatchObject({
      propagationPolicy: 'Foreground',
    });
  });

  const whole = sent('Secret', encode('Secret', { metadata }));
  it.each<[string, Buffer, string, number]>([
    ['no magic number', whole.subarray(1), 'Secret', 400],
    ['cut short', whole.subarray(0, -3), 'Secret', 400],
    ['noise', Buffer.concat([Buffer.from('k8s\0'), Buffer.alloc(64, 0xff)]), 'Secret', 400],
    ['compressed', sent('Secret', Buffer.alloc(1), { contentEncoding: 'gzip' }), 'Secret', 400],
    [
      'a hostile key',
      sent('Secret', encode('Secret', { data: { ['__proto__']: Buffer.from('x') }, metadata: { name: '__proto__' } })),
      'Secret',
      400,
    ],
    ['a kind that has no such form', sent('VPC', Buffer.alloc(0)), 'VPC', 415],
  ])('is refused: %s', (_, body, kind, code) => {
    const read = () => readProtobuf(body, KINDS.must(kind));
    expect(read).toThrow(StatusError);
    expect(read).toThrow(expect.objectContaining({ code }) as Error);
  });
});
