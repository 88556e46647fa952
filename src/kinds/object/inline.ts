import { messageOf, StatusError } from '../../base/errors.ts';
import { isUtf8 } from 'node:buffer';

/**
 * `contentFrom: {file: PATH}` of a manifest, as its content: text where it is text, else base64. What is no manifest of that form is left
 * as it is: the schema says then what is wrong.
 */
export function withFileContent(
  document: Record<string, unknown>,
  read: (path: string) => Buffer,
): Record<string, unknown> {
  const { spec } = document as { spec?: { contentFrom?: { file?: unknown } } };
  const { file, ...others } = spec?.contentFrom ?? {};
  if (typeof file !== 'string' || Object.keys(others).length > 0) return document;
  const { contentFrom: _, ...rest } = spec ?? {};
  const bytes = contentOf(file, read);
  const isText = isUtf8(bytes) && !bytes.includes(0);
  const content = isText ? { content: bytes.toString('utf8') } : { contentBase64: bytes.toString('base64') };
  return { ...document, spec: { ...rest, ...content } };
}

function contentOf(file: string, read: (path: string) => Buffer): Buffer {
  try {
    return read(file);
  } catch (error) {
    throw new StatusError('Invalid', '', {
      causes: [{ reason: 'FieldValueInvalid', field: 'spec.contentFrom.file', message: messageOf(error) }],
    });
  }
}
