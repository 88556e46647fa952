import type { JsonSchema } from '../../api/kind.ts';
import { base64Text } from '../shared/config-data.ts';

/** Of the content of one object. */
export const MAX_CONTENT_BYTES = 1 << 20;
/** As base64 has them. */
const MAX_BASE64 = Math.ceil(MAX_CONTENT_BYTES / 3) * 4;

const name: JsonSchema = { type: 'string', minLength: 1, maxLength: 253, description: 'Its name.' };
const keyOf = (kind: string): JsonSchema => ({
  type: 'object',
  additionalProperties: false,
  required: ['name', 'key'],
  description: `A key of a ${kind} of the same namespace.`,
  properties: {
    name,
    key: { type: 'string', minLength: 1, maxLength: 253, description: 'The key in it.' },
  },
});

export const objectSpecSchema: JsonSchema = {
  type: 'object',
  additionalProperties: false,
  required: ['bucket', 'key'],
  properties: {
    bucket: {
      type: 'string',
      minLength: 3,
      maxLength: 63,
      pattern: '^[a-z0-9][a-z0-9.-]*$',
      'x-expected': 'the name of a bucket',
      description: 'The Bucket that it is in, of the same namespace. Immutable.',
    },
    key: {
      type: 'string',
      minLength: 1,
      maxLength: 1_024,
      pattern: '^[^\\u0000]*$',
      'x-expected': 'a key without a NUL',
      'x-also-known-as': ['path', 'name'],
      description: 'Its key in the bucket, of at most 1,024 bytes. Immutable.',
    },
    contentType: {
      type: 'string',
      minLength: 1,
      maxLength: 255,
      pattern: '^[\\t -~]+$',
      'x-expected': 'a media type such as text/html',
      'x-also-known-as': ['mimeType', 'mediaType', 'type'],
      default: 'binary/octet-stream',
      description: 'What readers are told that it is.',
    },
    metadata: {
      type: 'object',
      maxProperties: 64,
      propertyNames: {
        maxLength: 128,
        pattern: "^[a-z0-9!#$%&'*+.^_`|~-]+$",
        'x-expected': 'a name in small letters, as in x-amz-meta-NAME',
      },
      additionalProperties: {
        type: 'string',
        maxLength: 2_048,
        pattern: '^[\\t -~]*$',
        'x-expected': 'text in ASCII, on one line',
      },
      description: 'Texts of your own that readers get with it, as headers x-amz-meta-NAME. At most 2 KiB together.',
    },
    content: {
      type: 'string',
      maxLength: MAX_CONTENT_BYTES,
      pattern: '^[^\\u0000]*$',
      'x-expected': 'text without a NUL (give other bytes as contentBase64)',
      'x-sensitive': true,
      'x-also-known-as': ['body', 'data', 'text'],
      description: 'The content as text, at most 1 MiB. One of content, contentBase64 and contentFrom must be there.',
    },
    contentBase64: {
      ...base64Text,
      maxLength: MAX_BASE64,
      'x-sensitive': true,
      'x-also-known-as': ['binaryData', 'base64'],
      description: 'The content in base64.',
    },
    contentFrom: {
      type: 'object',
      additionalProperties: false,
      'x-also-known-as': ['valueFrom', 'source'],
      'x-not-here': {
        file: 'miniaws apply puts the file into content as it reads the manifest; others send the content itself',
      },
      description:
        'Where the content is. When it changes there, the object changes. In a manifest for miniaws apply it may be file: PATH, beside the manifest.',
      properties: { configMap: keyOf('ConfigMap'), secret: keyOf('Secret') },
    },
  },
};

export const objectStatusSchema: JsonSchema = {
  type: 'object',
  properties: {
    phase: { type: 'string', description: 'Pending, Available or Deleting.' },
    etag: { type: 'string', description: 'The MD5 of the content, as readers get it.' },
    versionId: { type: 'string', description: 'The version that it is; null where the bucket kept none.' },
    bytes: { type: 'integer', description: 'The bytes of the content.' },
  },
};
