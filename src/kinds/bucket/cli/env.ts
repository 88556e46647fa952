import type { Session } from '../../../cli/session.ts';
import { credentialsOf } from './connect.ts';
import type { Credentials } from './connect.ts';

export const ENV_FORMATS = ['sh', 'json'] as const;

export interface EnvOptions {
  output?: (typeof ENV_FORMATS)[number];
}

/** `miniaws s3 env`. */
export async function printEnv(session: Session, { output = 'sh' }: EnvOptions): Promise<void> {
  const found = await credentialsOf(session);
  if (output === 'json') return session.print(JSON.stringify(found, undefined, 2));
  session.print(
    variables(found)
      .map(([name, value]) => `export ${name}='${value}'`)
      .join('\n'),
  );
}

/** Of awscli, the SDKs, s3cmd, rclone and restic. None of the values has a quotation mark in it. */
function variables({ endpoint, region, accessKeyId, secretAccessKey }: Credentials): [string, string][] {
  return [
    ['AWS_ENDPOINT_URL', endpoint],
    ['AWS_ENDPOINT_URL_S3', endpoint],
    ['AWS_ACCESS_KEY_ID', accessKeyId],
    ['AWS_SECRET_ACCESS_KEY', secretAccessKey],
    ['AWS_DEFAULT_REGION', region],
    ['RCLONE_CONFIG_MINIAWS_TYPE', 's3'],
    ['RCLONE_CONFIG_MINIAWS_PROVIDER', 'Other'],
    ['RCLONE_CONFIG_MINIAWS_ENDPOINT', endpoint],
    ['RCLONE_CONFIG_MINIAWS_ACCESS_KEY_ID', accessKeyId],
    ['RCLONE_CONFIG_MINIAWS_SECRET_ACCESS_KEY', secretAccessKey],
    ['RCLONE_CONFIG_MINIAWS_REGION', region],
    ['S3_ENDPOINT', endpoint.replace(/^https?:\/\//, '')],
  ];
}
