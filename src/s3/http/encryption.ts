import { createHash } from 'node:crypto';
import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import type { BucketEncryption } from '../../api/bucket-config.ts';
import { customerEncryption } from '../encryption.ts';
import type { CustomerKey, ObjectEncryption } from '../encryption.ts';
import type { Buckets } from '../buckets.ts';
import { S3Error } from '../wire/errors.ts';
import { parseXml } from '../wire/parse-xml.ts';
import type { XmlElement } from '../wire/parse-xml.ts';
import { xml } from './answer.ts';
import type { Answer } from './answer.ts';
import { settingOf } from './bucket-setting.ts';
import type { S3Request } from './request.ts';

const SSE = 'x-amz-server-side-encryption';
const KMS_KEY = `${SSE}-aws-kms-key-id`;
const CUSTOMER = `${SSE}-customer`;
const SOURCE_CUSTOMER = `x-amz-copy-source-server-side-encryption-customer`;
const KEY_BYTES = 32;

const invalid = (message: string, name: string): S3Error =>
  new S3Error('InvalidArgument', { message, extra: { ArgumentName: name } });

/** What is asked of the bytes of an object that is put, or of an upload. Empty: nothing, and the bucket says it. */
export function askedEncryption(
  request: S3Request,
  headers: IncomingHttpHeaders,
): { encryption?: ObjectEncryption; customerKey?: CustomerKey } {
  const [algorithm, keyId] = [headers[SSE]?.toString(), headers[KMS_KEY]?.toString()];
  const customerKey = customerKeyIn(request.raw, headers, CUSTOMER);
  if (customerKey && algorithm !== undefined)
    throw invalid(
      'Server Side Encryption with Customer provided key is incompatible with the encryption method specified',
      SSE,
    );
  if (customerKey) return { encryption: customerEncryption(customerKey), customerKey };
  if (algorithm !== undefined && algorithm !== 'AES256' && algorithm !== 'aws:kms')
    throw invalid('The encryption method specified is not supported', SSE);
  if (keyId !== undefined && algorithm !== 'aws:kms')
    throw invalid(
      'Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption : aws:kms',
      SSE,
    );
  if (algorithm === undefined) return {};
  const { namespace } = request.bucket;
  return { encryption: { algorithm, ...(keyId !== undefined && { keyId, namespace }) } };
}

/** The key that comes with a read, or with a part; `of`: that of a copy's source. Throws for one that is none. */
export const givenKey = ({ raw, headers }: S3Request, of: 'object' | 'source' = 'object'): CustomerKey | undefined =>
  customerKeyIn(raw, headers, of === 'object' ? CUSTOMER : SOURCE_CUSTOMER);

function customerKeyIn(raw: IncomingMessage, headers: IncomingHttpHeaders, prefix: string): CustomerKey | undefined {
  const [algorithm, key, md5] = ['algorithm', 'key', 'key-md5'].map((name) => headers[`${prefix}-${name}`]?.toString());
  if (algorithm === undefined && key === undefined && md5 === undefined) return undefined;
  if (!isPrivate(raw))
    throw new S3Error('InvalidRequest', {
      message:
        'Requests specifying Server Side Encryption with Customer provided keys must be made over a secure connection.',
    });
  if (algorithm === undefined || key === undefined || md5 === undefined)
    throw invalid(
      'Requests specifying Server Side Encryption with Customer provided keys must provide the algorithm, the key, and its MD5.',
      prefix,
    );
  if (algorithm !== 'AES256') throw new S3Error('InvalidEncryptionAlgorithmError');
  const bytes = Buffer.from(key, 'base64');
  if (bytes.length !== KEY_BYTES) throw invalid('The secret key was invalid for the specified algorithm.', prefix);
  if (createHash('md5').update(bytes).digest('base64') !== md5)
    throw invalid('The calculated MD5 hash of the key did not match the hash that was provided.', prefix);
  return { key: bytes, md5 };
}

/** Nobody reads along: it is encrypted, or does not leave the machine. */
const isPrivate = ({ socket }: IncomingMessage): boolean =>
  'encrypted' in socket || /^(::ffff:)?127\.|^::1$/.test(socket.remoteAddress ?? '');

/** Of a read: nothing is chosen any more. */
export function refuseChoice(request: S3Request): void {
  if (request.header(SSE) !== undefined)
    throw new S3Error('InvalidRequest', { message: `x-amz-server-side-encryption is not for ${request.raw.method}` });
}

/** What an answer says of the bytes. */
export function encryptionHeaders(encryption: ObjectEncryption | undefined): Record<string, string> {
  if (!encryption) return {};
  const { algorithm, keyId, customer } = encryption;
  return customer
    ? { [`${CUSTOMER}-algorithm`]: 'AES256', [`${CUSTOMER}-key-md5`]: customer.md5 }
    : { [SSE]: algorithm, ...(keyId !== undefined && { [KMS_KEY]: keyId }) };
}

export function getEncryption({ bucket }: S3Request): Answer {
  const missing = 'ServerSideEncryptionConfigurationNotFoundError';
  const { algorithm, kmsKeyId } = settingOf(bucket, 'encryption', missing);
  return xml('ServerSideEncryptionConfiguration', {
    Rule: {
      ApplyServerSideEncryptionByDefault: { SSEAlgorithm: algorithm, KMSMasterKeyID: kmsKeyId },
      BucketKeyEnabled: false,
    },
  });
}

export async function putEncryption(request: S3Request, buckets: Buckets): Promise<Answer> {
  const { bucket, author } = request;
  const { Rule: rule } = parseXml(await request.document(), { root: 'ServerSideEncryptionConfiguration' });
  const given = (rule as XmlElement | undefined)?.['ApplyServerSideEncryptionByDefault'] as XmlElement | undefined;
  const { SSEAlgorithm: algorithm, KMSMasterKeyID: key } = given ?? {};
  if (algorithm !== 'AES256' && algorithm !== 'aws:kms') throw new S3Error('MalformedXML');
  if (algorithm === 'AES256' && key !== undefined)
    throw invalid('a KMSMasterKeyID is not applicable if the default sse algorithm is not aws:kms', 'KMSMasterKeyID');
  const encryption: BucketEncryption = { algorithm, ...(typeof key === 'string' && { kmsKeyId: key }) };
  await buckets.configure(bucket, { encryption }, author);
  return {};
}
