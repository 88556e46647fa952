import type { Command } from 'commander';
import type { Resource } from '../../../api/metadata.ts';
import { timestamp } from '../../../admission/admit.ts';
import { apiRoot } from '../../../api/kind.ts';
import { definedOnly } from '../../../base/defined.ts';
import { formatAge } from '../../../base/quantity.ts';
import { collectFlag, durationFlag, oneOfFlag } from '../../../cli/flags.ts';
import { printable } from '../../../cli/io.ts';
import { kubeconfigText } from '../../../base/kubeconfig-text.ts';
import type { ClientSetup, Session } from '../../../cli/session.ts';
import { task } from '../../../cli/session.ts';
import { Columns } from '../../../cli/table.ts';
import { toYaml } from '../../../cli/yaml.ts';
import { ROLES } from '../../../api/roles.ts';
import type { Role } from '../../../api/roles.ts';
import { apiKeyKind } from '../definition.ts';
import type { ApiKey } from '../types.ts';
import { ruleFlag } from './rule-flag.ts';

/** Of which a name follows. */
export const KEY_WORDS = ['create', 'list', 'rotate', 'revoke'];
const FORMATS = ['token', 'yaml', 'json', 'kubeconfig'] as const;
const ROOT = apiRoot(apiKeyKind.apiVersion);
const KEYS = `${ROOT}/${apiKeyKind.plural}`;
/** Where nothing is said. */
const GRACE_MS = 3_600_000;

type Format = (typeof FORMATS)[number];

interface CreateOptions {
  user?: string;
  role?: Role;
  namespaces?: string;
  allow?: readonly ReturnType<typeof ruleFlag>[];
  for?: number;
  from?: readonly string[];
  output?: Format;
}

/** `miniaws key`: keys of the API. */
export function addKey(program: Command, setup: ClientSetup): void {
  const key = program.command('key').description('keys of the API: see miniaws key --help');
  key
    .command('create')
    .argument('<name>', 'of the new key')
    .description('make a key, and print its token this once')
    .option('--user <name>', 'the person or machine that it stands for (default: the name of the key)')
    .option('--role <role>', `one of ${ROLES.join(', ')}`, oneOfFlag(ROLES))
    .option('--namespaces <names>', 'where the role holds, such as shop,stage (default: everywhere)')
    .option(
      '--allow <rule>',
      'what it may do, such as "get,patch scalinggroups in shop named web"; several times',
      (text, before) => [...((before as ReturnType<typeof ruleFlag>[] | undefined) ?? []), ruleFlag(text)],
    )
    .option('--for <time>', 'how long it works, such as 15m (default: for ever)', durationFlag)
    .option('--from <address>', 'an address or range that it may be used from; several times', collectFlag)
    .option('-o, --output <format>', `one of ${FORMATS.join(', ')}`, oneOfFlag(FORMATS))
    .action(task<[string], CreateOptions>(setup, (session, [name], options) => create(session, name, options)));
  key.command('list').description('print keys, and when they were last used').action(task<[], object>(setup, list));
  key
    .command('rotate')
    .argument('<name>', 'of a key')
    .description('make another token of a key, and print it this once')
    .option(
      '--grace <time>',
      'how long the token before goes on working (default: 1h); 0s: not at all',
      durationFlag,
      GRACE_MS,
    )
    .option('-o, --output <format>', 'token or kubeconfig', oneOfFlag(['token', 'kubeconfig'] as const))
    .action(
      task<[string], { grace: number; output?: Format }>(setup, (session, [name], options) =>
        rotate(session, name, options),
      ),
    );
  key
    .command('revoke')
    .argument('<name...>', 'of keys')
    .description('take keys back: they let nobody in any more, and what is open by them ends')
    .action(task<[string[]], object>(setup, (session, [names]) => revoke(session, names)));
}

async function create(session: Session, name: string, options: CreateOptions): Promise<void> {
  const { user, role, namespaces, allow, from, output } = options;
  const expiresAt = options.for === undefined ? undefined : timestamp(new Date(Date.now() + options.for));
  const spec = definedOnly({
    userId: user,
    role,
    namespaces: namespaces?.split(','),
    rules: allow,
    expiresAt,
    allowedFrom: from,
  });
  const { apiVersion, kind } = apiKeyKind;
  const { body } = await session.client.send<ApiKey>('POST', KEYS, {
    body: { apiVersion, kind, metadata: { name }, spec },
  });
  const until = expiresAt === undefined ? '' : `, which works until ${expiresAt}`;
  if (output === 'yaml') return session.print(toYaml(body).trimEnd());
  if (output === 'json') return session.print(JSON.stringify(body, undefined, 2));
  give(session, name, body.status?.token ?? '', output);
  session.tell(`key ${name} was made; this is its token${until}. It is shown this once.`);
}

async function rotate(
  session: Session,
  name: string,
  { grace, output }: { grace: number; output?: Format },
): Promise<void> {
  const spec = { gracePeriod: grace === 0 ? '0s' : `${Math.ceil(grace / 1_000)}s` };
  const path = `${KEYS}/${encodeURIComponent(name)}/token`;
  const { body } = await session.client.send<{ status: { token: string } }>('POST', path, { body: { spec } });
  give(session, name, body.status.token, output);
  session.tell(
    grace === 0
      ? `this is the new token of key ${name}, shown this once; no other works any more`
      : `this is the new token of key ${name}, shown this once; the one before works for another ${formatAge(grace)}`,
  );
}

function give(session: Session, name: string, token: string, output: Format | undefined): void {
  if (output !== 'kubeconfig') return session.print(token);
  const { server, ca } = session.connection;
  session.print(kubeconfigText({ context: name, user: name, server, token, ...definedOnly({ ca }) }).trimEnd());
}

async function list(session: Session): Promise<void> {
  const { client } = session;
  const [keys, uses] = await Promise.all([
    client.get<{ items: ApiKey[] }>(KEYS),
    client.get<{ items: { metadata: { uid: string }; lastUsed: string }[] }>(`${ROOT}/apikeyuses`),
  ]);
  const used = new Map(uses.items.map(({ metadata, lastUsed }) => [metadata.uid, lastUsed]));
  const now = Date.now();
  const rows = keys.items.map((key) => {
    const at = used.get(key.metadata.uid);
    const ready = key.status?.conditions?.find(({ type }) => type === 'Ready');
    return [
      ...apiKeyKind.columns.filter(({ wide }) => !wide).map(({ cell }) => cell(key)),
      ready?.reason ?? 'Pending',
      at === undefined ? 'never' : `${formatAge(now - Date.parse(at))} ago`,
    ];
  });
  const heading = ['NAME', 'USER', 'ROLE', 'EXPIRES', 'STATUS', 'LAST USED'];
  const named = rows.map((row, i) => [keys.items[i]?.metadata.name ?? '', ...row].map(printable));
  session.print(new Columns().lines([heading, ...named]).join('\n'));
}

async function revoke(session: Session, names: readonly string[]): Promise<void> {
  for (const name of names) {
    await session.client.send<Resource>('DELETE', `${KEYS}/${encodeURIComponent(name)}`, { body: {} });
    session.print(`key ${name} revoked`);
  }
}
