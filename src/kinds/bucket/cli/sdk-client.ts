import { S3Client } from '@aws-sdk/client-s3';
import type { Trust } from '../../../cli/https.ts';

const CONNECT_MS = 10_000;

export interface S3Connection {
  endpoint: string;
  region: string;
  accessKeyId: string;
  secretAccessKey: string;
  /** How a certificate is checked, where the endpoint is https. */
  trust: Trust;
  /** For one answer, in milliseconds; 0: no limit. */
  requestTimeoutMs: number;
  signal: AbortSignal;
}

/** The library's client. */
export function clientOf(connection: S3Connection): S3Client {
  const { endpoint, region, accessKeyId, secretAccessKey, trust, requestTimeoutMs } = connection;
  // On Node 20 the library warns that its versions of 2027 need Node 22. A user of this command can do nothing about it.
  process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] = 'true';
  return new S3Client({
    endpoint,
    region,
    credentials: { accessKeyId, secretAccessKey },
    forcePathStyle: true,
    requestHandler: {
      connectionTimeout: CONNECT_MS,
      ...(requestTimeoutMs > 0 && { requestTimeout: requestTimeoutMs, throwOnRequestTimeout: true }),
      httpsAgent: { ...trust },
    },
    // What is left out here, the library looks for in variables and files that set up AWS.
    defaultsMode: 'standard',
    maxAttempts: 3,
    retryMode: 'standard',
    requestChecksumCalculation: 'WHEN_SUPPORTED',
    responseChecksumValidation: 'WHEN_SUPPORTED',
    useDualstackEndpoint: false,
    useFipsEndpoint: false,
    useArnRegion: false,
    disableS3ExpressSessionAuth: true,
    authSchemePreference: [],
    sigv4aSigningRegionSet: [region],
    userAgentAppId: 'miniaws',
  });
}
