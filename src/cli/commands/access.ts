import type { Command } from 'commander';
import { Failure } from '../failure.ts';
import { printable } from '../io.ts';
import type { ClientSetup, Session } from '../session.ts';
import { task } from '../session.ts';
import { Columns } from '../table.ts';

const AUTHENTICATION = '/apis/authentication.k8s.io/v1';
const AUTHORIZATION = '/apis/authorization.k8s.io/v1';

export interface UserInfo {
  username: string;
  groups?: readonly string[];
  extra?: Readonly<Record<string, readonly string[]>>;
}

/** Who the key of the session stands for. */
export async function whoIs({ client }: Pick<Session, 'client'>): Promise<UserInfo> {
  const path = `${AUTHENTICATION}/selfsubjectreviews`;
  return (await client.send<{ status: { userInfo: UserInfo } }>('POST', path, { body: {} })).body.status.userInfo;
}

export function addWhoami(program: Command, setup: ClientSetup): void {
  program
    .command('whoami')
    .description('print the server, and whom the key stands for there')
    .action(
      task<[], object>(setup, async (session) => {
        const { username, groups = [], extra = {} } = await whoIs(session);
        const rows = [
          ['server', session.connection.server],
          ['user', username],
          ...Object.entries(extra).map(([name, values]) => [name.split('/').at(-1) ?? name, values.join(', ')]),
          ...(groups.length > 0 ? [['groups', groups.join(', ')]] : []),
        ];
        session.print(new Columns().lines(rows.map((row) => row.map(printable))).join('\n'));
      }),
    );
}

interface CanIOptions {
  list?: boolean;
  allNamespaces?: boolean;
}

export function addCanI(program: Command, setup: ClientSetup): void {
  program
    .command('can-i')
    .argument('[verb]', 'get, list, watch, create, update, patch, delete')
    .argument('[resource]', 'instances, instances/log, or instance/web')
    .description('print whether the key may do it; the exit status is 1 when it may not')
    .option('--list', 'print everything that it may do in the namespace')
    .option('-A, --all-namespaces', 'in all namespaces')
    .action(
      task<[string | undefined, string | undefined], CanIOptions>(setup, async (session, [verb, resource], options) => {
        if (options.list) return listRules(session);
        if (verb === undefined || resource === undefined)
          throw new Failure('can-i: expected a verb and a resource, such as: miniaws can-i create instances');
        return canI(session, verb, resource, options);
      }),
    );
}

async function canI(session: Session, verb: string, word: string, { allNamespaces }: CanIOptions): Promise<void> {
  const [first = '', second] = word.split('/');
  const kind = session.kinds.byAnyName(first);
  const plural = kind?.plural ?? first;
  // `instance/web` is an object, `instances/log` a subresource, as kubectl has them.
  const isSubresource = second !== undefined && kind !== undefined && first === kind.plural;
  const namespace = allNamespaces || kind?.scope === 'Cluster' ? '' : session.namespace;
  const resourceAttributes = {
    verb,
    resource: plural,
    namespace,
    ...(second === undefined ? {} : isSubresource ? { subresource: second } : { name: second }),
  };
  const path = `${AUTHORIZATION}/selfsubjectaccessreviews`;
  const { body } = await session.client.send<{ status: { allowed: boolean; reason?: string } }>('POST', path, {
    body: { spec: { resourceAttributes } },
  });
  const { allowed, reason } = body.status;
  session.print(allowed ? 'yes' : `no${reason === undefined ? '' : `: ${printable(reason)}`}`);
  if (!allowed) throw new Failure('');
}

interface ResourceRule {
  verbs: readonly string[];
  resources: readonly string[];
  resourceNames?: readonly string[];
}

async function listRules(session: Session): Promise<void> {
  const path = `${AUTHORIZATION}/selfsubjectrulesreviews`;
  const body = { spec: { namespace: session.namespace } };
  const answer = await session.client.send<{ status: { resourceRules: ResourceRule[] } }>('POST', path, { body });
  const rows = answer.body.status.resourceRules.flatMap(({ verbs, resources, resourceNames = [] }) =>
    resources.map((resource) => [resource, resourceNames.join(','), verbs.join(',')]),
  );
  session.print(
    new Columns().lines([['RESOURCE', 'NAMES', 'VERBS'], ...rows.map((row) => row.map(printable))]).join('\n'),
  );
}
