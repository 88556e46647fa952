import type { Command } from 'commander';
import { findCondition } from '../../api/metadata.ts';
import type { Resource } from '../../api/metadata.ts';
import { refOf } from '../../api/metadata.ts';
import { Failure } from '../failure.ts';
import { durationFlag } from '../flags.ts';
import { jsonPath, textOf } from '../jsonpath.ts';
import { nameOf } from '../objects.ts';
import { selectObjects, uidsOf } from '../select.ts';
import type { ClientSetup, Session } from '../session.ts';
import { task } from '../session.ts';
import { refsOf, targetsOf } from '../targets.ts';
import { judgeGone, judgeReady } from '../wait-for.ts';
import type { Judge } from '../wait-for.ts';
import { waitOrFail } from '../waiting.ts';

interface WaitOptions {
  for: string;
  timeout: number;
  selector?: string;
  all?: boolean;
}

export function addWait(program: Command, setup: ClientSetup): void {
  program
    .command('wait')
    .argument('<what...>', 'KIND/NAME…, or KIND with -l or --all')
    .description('wait until objects are as said')
    .requiredOption(
      '--for <what>',
      'condition=Ready, condition=Ready=False, delete, or jsonpath={.status.phase}=Running',
    )
    .option('--timeout <time>', 'how long at most; 0: for ever', durationFlag, 30_000)
    .option('-l, --selector <labels>', 'those with these labels')
    .option('--all', 'all of the kind in the namespace')
    .action(task<[string[]], WaitOptions>(setup, (session, [words], options) => wait(session, words, options)));
}

async function wait(session: Session, words: readonly string[], options: WaitOptions): Promise<void> {
  const { client, namespace } = session;
  const open = options.all === true || options.selector !== undefined;
  const gone = options.for === 'delete';
  // What is to be gone may be so already; which object was meant is known only while it is there.
  const targets = open
    ? targetsOf(session.kinds, words).map(({ kind }) => ({ kind }))
    : targetsOf(session.kinds, words);
  const { objects, missing } =
    open || gone
      ? await selectObjects(client, targets, namespace, { labelSelector: options.selector })
      : { objects: [], missing: [] };
  const refs = open ? objects.map(refOf) : refsOf(session.kinds, words, namespace);
  if (refs.length === 0) throw new Failure('no object matches');
  const what = gone ? 'gone' : options.for === 'condition=Ready' ? 'ready' : `as asked (${options.for})`;
  const judge = gone ? judgeGone(uidsOf(objects)) : judgeOf(options.for);
  const waited = gone
    ? refs.filter((ref) => !missing.some((m) => m.ref.name === ref.name && m.ref.kind === ref.kind))
    : refs;
  await waitOrFail(session, waited, judge, { timeoutMs: options.timeout, what });
  if (session.signal.aborted) return;
  for (const ref of refs) session.print(`${nameOf(session.kinds, ref)} ${gone ? 'deleted' : 'condition met'}`);
}

/** `condition=Type[=Status]` or `jsonpath={path}[=value]`, as kubectl's. */
function judgeOf(text: string): Judge {
  const condition = /^condition=([A-Za-z]+)(?:=(True|False|Unknown))?$/i.exec(text);
  if (condition) return judgeCondition(condition[1] ?? '', condition[2] ?? 'True');
  const path = text.startsWith('jsonpath=') ? text.slice('jsonpath='.length) : '';
  const end = path.startsWith('{') ? path.indexOf('}') + 1 : path.indexOf('=');
  const [expression, rest] = end > 0 ? [path.slice(0, end), path.slice(end)] : [path, ''];
  if (expression !== '' && !/^[={]$/.test(expression) && (rest === '' || rest.startsWith('=')))
    return judgePath(expression, rest === '' ? undefined : rest.slice(1));
  throw new Failure(`--for: expected condition=Ready, delete or jsonpath={.status.phase}=Running, found "${text}"`);
}

function judgeCondition(type: string, status: string): Judge {
  if (type.toLowerCase() === 'ready' && status.toLowerCase() === 'true') return judgeReady;
  return (object) => {
    const found = object?.status?.conditions?.find((c) => c.type.toLowerCase() === type.toLowerCase());
    const current = found?.observedGeneration === object?.metadata.generation;
    if (found && current && found.status.toLowerCase() === status.toLowerCase()) return { is: 'met' };
    const why = found ? `${found.type} is ${found.status}: ${found.message}` : `it has no condition ${type}`;
    return object ? { is: 'waiting', why } : notThere;
  };
}

const notThere = { is: 'failed', why: 'it does not exist' } as const;

function judgePath(expression: string, wanted: string | undefined): Judge {
  const values = jsonPath(expression);
  return (object: Resource | undefined) => {
    if (!object) return notThere;
    const found = values(object).map(textOf);
    if (wanted === undefined ? found.length > 0 : found.includes(unquoted(wanted))) return { is: 'met' };
    const ready = findCondition(object, 'Ready');
    const state = found.length > 0 ? `${expression} is ${found.join(', ')}` : `it has no ${expression}`;
    return { is: 'waiting', why: ready ? `${state}; ${ready.reason}: ${ready.message}` : state };
  };
}

const unquoted = (text: string): string => text.replace(/^(["'])(.*)\1$/, '$2');
