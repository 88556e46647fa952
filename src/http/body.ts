import { MAX_BODY_BYTES } from '../api/kind.ts';
import type { KindDefinition } from '../api/kind.ts';
import { load } from '../admission/load.ts';
import type { RawDocument } from '../admission/admit.ts';
import { messageOf, StatusError } from '../base/errors.ts';
import { isProtobuf, readProtobuf } from './protobuf.ts';

/** JSON or YAML, by its content type, or protobuf where the kind has it; YAML's faults carry line and column. */
export function parseBody(
  body: unknown,
  contentType: string | undefined,
  kind?: Pick<KindDefinition, 'kind' | 'protobuf'>,
): unknown {
  if (body === undefined || body === null) return undefined;
  if (kind && isProtobuf(contentType)) return readProtobuf(body as Buffer, kind);
  const text = (body as Buffer).toString('utf8');
  if (text.trim() === '') return undefined;
  if (isProtobuf(contentType))
    throw new StatusError(
      'UnsupportedMediaType',
      'protobuf is not read here: send application/json or application/yaml',
    );
  return contentType?.includes('yaml') && !text.trimStart().startsWith('{') ? parseYaml(text) : parseJson(text);
}

function parseJson(text: string): unknown {
  if (text.includes('"__proto__"'))
    throw new StatusError('BadRequest', 'the body has a member named "__proto__", which no document has');
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new StatusError('BadRequest', `the body is not JSON: ${messageOf(error)}`);
  }
}

function parseYaml(text: string): unknown {
  const { documents, problems } = load(text, 'body');
  const first = problems[0];
  if (first)
    throw new StatusError(
      'BadRequest',
      `${first.place ? `line ${first.place.line}, column ${first.place.column}: ` : ''}${first.message}`,
    );
  if (documents.length !== 1) throw new StatusError('BadRequest', `expected one document, found ${documents.length}`);
  return documents[0]?.document;
}

/** Throws for a body that is larger than a request about a document of this kind may be. */
export function checkBodySize(body: unknown, { kind, maxBytes = MAX_BODY_BYTES }: KindDefinition): void {
  const bytes = Buffer.isBuffer(body) ? body.length : 0;
  if (bytes > maxBytes)
    throw new StatusError(
      'RequestEntityTooLarge',
      `the document has ${bytes} bytes; one of kind ${kind} has at most ${maxBytes}: split it`,
    );
}

/** A document must be a mapping with metadata that is one. */
export function asDocument(value: unknown): RawDocument {
  const isMapping = (v: unknown) => typeof v === 'object' && v !== null && !Array.isArray(v);
  if (!isMapping(value))
    throw new StatusError('BadRequest', 'expected a document with apiVersion, kind, metadata and spec');
  const document = value as RawDocument;
  if (document.metadata !== undefined && !isMapping(document.metadata))
    throw new StatusError('BadRequest', 'metadata: expected a mapping');
  return document;
}
