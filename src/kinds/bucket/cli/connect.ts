import { apiRoot } from '../../../api/kind.ts';
import type { Session } from '../../../cli/session.ts';
import { bucketKind } from '../definition.ts';

/** What S3's clients sign with, and where they go. */
export interface Credentials {
  endpoint: string;
  region: string;
  accessKeyId: string;
  secretAccessKey: string;
}

/** What follows from the key of this command. */
export async function credentialsOf({ client }: Session): Promise<Credentials> {
  const path = `${apiRoot(bucketKind.apiVersion)}/s3credentials`;
  const { endpoint, region, accessKeyId, secretAccessKey } = await client.get<Credentials>(path);
  return { endpoint, region, accessKeyId, secretAccessKey };
}
