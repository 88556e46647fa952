import type { Command } from 'commander';
import { apiRoot } from '../../../api/kind.ts';
import { oneOfFlag } from '../../../cli/flags.ts';
import type { ClientSetup, Session } from '../../../cli/session.ts';
import { task } from '../../../cli/session.ts';
import { bucketKind } from '../definition.ts';

/** What follows `miniaws s3`. */
export const S3_WORDS = ['env'];
const FORMATS = ['sh', 'json'] as const;

interface Credentials {
  endpoint: string;
  region: string;
  accessKeyId: string;
  secretAccessKey: string;
}

interface EnvOptions {
  output?: (typeof FORMATS)[number];
}

/** `miniaws s3`: what a person needs of the S3 API. */
export function addS3(program: Command, setup: ClientSetup): void {
  const s3 = program.command('s3').description('buckets and their objects: see miniaws s3 --help');
  s3.command('env')
    .description('print the variables that set up S3\'s clients for this daemon and key: eval "$(miniaws s3 env)"')
    .option('-o, --output <format>', `one of ${FORMATS.join(', ')}`, oneOfFlag(FORMATS))
    .action(task<[], EnvOptions>(setup, (session, _, options) => printEnv(session, options)));
}

async function printEnv(session: Session, { output = 'sh' }: EnvOptions): Promise<void> {
  const path = `${apiRoot(bucketKind.apiVersion)}/s3credentials`;
  const { endpoint, region, accessKeyId, secretAccessKey } = await session.client.get<Credentials>(path);
  const found: Credentials = { endpoint, region, accessKeyId, secretAccessKey };
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
