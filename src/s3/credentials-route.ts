import type { FastifyInstance } from 'fastify';
import { API_VERSION } from '../api/metadata.ts';
import { StatusError } from '../base/errors.ts';
import { AUTHENTICATED } from '../http/permissions.ts';
import { REGION } from './buckets.ts';
import type { S3Keys } from './buckets.ts';

/** `GET …/s3credentials`: what S3's clients sign with, for the token that the request comes with, and where they go. */
export function s3CredentialsRoute(app: FastifyInstance, keys: S3Keys, endpoint: () => string): void {
  app.get(`/apis/${API_VERSION}/s3credentials`, AUTHENTICATED, async (request, reply) => {
    const token = /^Bearer\s+(\S+)$/i.exec(request.headers.authorization ?? '')?.[1] ?? '';
    const credentials = keys.credentialsOf(token);
    if (!credentials)
      throw new StatusError(
        'Forbidden',
        "S3's clients sign with a key, and this is none: make one (miniaws key create NAME --role edit)",
      );
    void reply.header('cache-control', 'no-store');
    return { kind: 'S3Credentials', apiVersion: API_VERSION, endpoint: endpoint(), region: REGION, ...credentials };
  });
}
