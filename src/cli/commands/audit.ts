import type { Command } from 'commander';
import type { AuditEvent } from '../../api/audit.ts';
import { API_VERSION } from '../../api/metadata.ts';
import { definedOnly } from '../../base/defined.ts';
import { countFlag, durationFlag } from '../flags.ts';
import { printable } from '../io.ts';
import { pause } from '../pause.ts';
import type { ClientSetup, Session } from '../session.ts';
import { task } from '../session.ts';
import { Columns } from '../table.ts';

const PATH = `/apis/${API_VERSION}/auditevents`;
const LIMIT = 100;
/** Between looks for more, and how many events are asked for at once. */
const FOLLOW_MS = 1_000;
const PAGE = 5_000;
/** What took long came before some that is told already: so much time is asked for again, milliseconds. */
const OVERLAP_MS = 60_000;

interface AuditOptions {
  user?: string;
  key?: string;
  verb?: string;
  resource?: string;
  name?: string;
  refused?: boolean;
  since?: number;
  limit: number;
  follow?: boolean;
  output?: string;
}

export function addAudit(program: Command, setup: ClientSetup): void {
  program
    .command('audit')
    .description(
      'print who did what: writes, commands, logs and secrets that were read, and refusals; -n for one namespace',
    )
    .option('--user <name>', 'by this person or machine')
    .option('--key <name>', 'by this key')
    .option('--verb <verb>', 'such as create or delete')
    .option('--resource <plural>', 'such as instances')
    .option('--name <name>', 'of the object')
    .option('--refused', 'refusals alone')
    .option('--since <time>', 'of the last so much time, such as 2h', durationFlag)
    .option('--limit <n>', `the newest so many (default: ${LIMIT})`, countFlag, LIMIT)
    .option('-f, --follow', 'go on with what is done from now on')
    .option('-o, --output <format>', 'json: one event a line')
    .action(task<[], AuditOptions>(setup, (session, _, options) => audit(session, options)));
}

async function audit(session: Session, options: AuditOptions): Promise<void> {
  const { user, key, verb, resource, name, refused, since, limit, follow, output } = options;
  const { namespace } = session.options;
  const from = since === undefined ? undefined : new Date(Date.now() - since).toISOString();
  const filters = definedOnly({ user, key, verb, resource, name, namespace, refused });
  const ask = async (query: object) =>
    (
      await session.client.get<{ items: AuditEvent[] }>(PATH, {
        query: { ...filters, ...query },
        signal: session.signal,
      })
    ).items;
  const columns = new Columns();
  const print = (rows: readonly (readonly string[])[]) => columns.lines(rows).forEach((line) => session.print(line));
  const tell = (events: readonly AuditEvent[]) =>
    output === 'json' ? events.forEach((event) => session.print(JSON.stringify(event))) : print(events.map(rowOf));
  const first = await ask({ ...definedOnly({ since: from }), limit });
  if (output === 'json') tell(first);
  else print([HEADING, ...first.map(rowOf)]);
  // What the limit has left out, and what is older, stays out.
  const began = first[0]?.at ?? from ?? '';
  let told = new Map(first.map(({ id, at }) => [id, at]));
  while (follow && !session.signal.aborted) {
    await pause(FOLLOW_MS, session.signal);
    if (session.signal.aborted) return;
    const last = Math.max(
      ...[...told.values()].map((at) => Date.parse(at)),
      Date.parse(began || new Date().toISOString()),
    );
    const overlap = new Date(last - OVERLAP_MS).toISOString();
    const since = overlap > began ? overlap : began;
    const fresh = (await ask({ since, limit: PAGE })).filter(({ id }) => !told.has(id));
    tell(fresh);
    told = new Map([...[...told].filter(([, at]) => at >= since), ...fresh.map(({ id, at }) => [id, at] as const)]);
  }
}

const HEADING = ['TIME', 'USER', 'KEY', 'FROM', 'VERB', 'OBJECT', 'ANSWER', 'TOOK'];

function rowOf(event: AuditEvent): string[] {
  const {
    at,
    user,
    key,
    address,
    verb,
    resource,
    subresource,
    namespace,
    name,
    manager,
    dryRun,
    code,
    reason,
    latencyMs,
  } = event;
  const what = subresource === '' ? resource : `${resource}/${subresource}`;
  const where = [namespace, name].filter((part) => part !== '').join('/');
  const how = [dryRun ? 'dry run' : '', manager === '' ? '' : `by ${manager}`].filter((part) => part !== '').join(', ');
  return [
    at,
    user || '<unknown>',
    key || '<unknown>',
    address,
    verb,
    `${what}${where && ` ${where}`}${how && ` (${how})`}`,
    reason === '' ? String(code) : `${code} ${reason}`,
    `${latencyMs.toFixed(1)} ms`,
  ].map(printable);
}
