import type { Command } from 'commander';
import pLimit from 'p-limit';
import type { KindRegistry } from '../../api/registry.ts';
import { keyOf, refOf } from '../../api/metadata.ts';
import type { Ref, Resource } from '../../api/metadata.ts';
import { StatusError } from '../../base/errors.ts';
import { Failure, tell } from '../failure.ts';
import { booleanFlag, collectFlag, durationFlag, oneOfFlag } from '../flags.ts';
import { CASCADES, deleteObject, nameOf } from '../objects.ts';
import type { Cascade } from '../objects.ts';
import { selectObjects, uidsOf } from '../select.ts';
import type { ClientSetup, Session } from '../session.ts';
import { task } from '../session.ts';
import { targetsOf } from '../targets.ts';
import type { Target } from '../targets.ts';
import { judgeGone } from '../wait-for.ts';
import { waitOrFail } from '../waiting.ts';

interface DeleteOptions {
  filename?: string[];
  recursive?: boolean;
  selector?: string;
  all?: boolean;
  wait: boolean;
  timeout: number;
  cascade: Cascade;
  ignoreNotFound?: boolean;
}

/** Deletions on their way at once. */
const AT_ONCE = 16;

export function addDelete(program: Command, setup: ClientSetup): void {
  program
    .command('delete')
    .argument('[what...]', 'KIND NAME…, KIND/NAME…, or KIND with -l or --all')
    .description('delete objects, and wait until the real things are gone')
    .option('-f, --filename <path>', 'the objects of these manifests; may be repeated', collectFlag)
    .option('-R, --recursive', 'read folders inside folders')
    .option('-l, --selector <labels>', 'those with these labels')
    .option('--all', 'all of the kind in the namespace')
    .option('--wait <yes>', 'wait until they are gone', booleanFlag, true)
    .option('--timeout <time>', 'how long to wait at most; 0: for ever', durationFlag, 300_000)
    .option(
      '--cascade <how>',
      `what happens to what they own: ${CASCADES.join(', ')}`,
      oneOfFlag(CASCADES),
      'background',
    )
    .option('--ignore-not-found', 'what does not exist is no error')
    .action(task<[string[]], DeleteOptions>(setup, (session, [words], options) => remove(session, words, options)));
}

async function remove(session: Session, words: readonly string[], options: DeleteOptions): Promise<void> {
  const { objects, missing } = await select(session, words, options);
  const ignore = options.ignoreNotFound || options.all || options.selector !== undefined;
  if (objects.length === 0 && missing.length === 0) return session.tell('No resources found');
  const failures = await sendAll(session, objects, options.cascade);
  for (const { message } of ignore ? [] : missing) session.tell(`error: ${message}`);
  if (options.wait && !session.signal.aborted) {
    const refs = objects.map(refOf).filter((ref) => !failures.has(keyOf(ref)));
    await waitOrFail(session, refs, judgeGone(uidsOf(objects)), { timeoutMs: options.timeout, what: 'gone' });
  }
  if (failures.size > 0 || (missing.length > 0 && !ignore)) throw new Failure('');
}

async function select(session: Session, words: readonly string[], options: DeleteOptions) {
  const { client, namespace } = session;
  if (options.filename) {
    if (words.length > 0) throw new Failure('give either manifests (-f) or names, not both');
    const { readManifests } = await import('../applying.ts');
    const manifests = await readManifests(session, options.filename, options.recursive === true);
    return bySource(
      session,
      manifests.map(({ ref }) => ref),
    );
  }
  const targets = targetsOf(session.kinds, words);
  checkScope(targets, options);
  return dependentsFirst(
    session.kinds,
    await selectObjects(client, targets, namespace, { labelSelector: options.selector }),
  );
}

function checkScope(targets: readonly Target[], options: DeleteOptions): void {
  const open = targets.find((t) => !t.names);
  if (open && !options.all && options.selector === undefined)
    throw new Failure(`name the ${open.kind.plural} to delete, or give -l LABELS or --all`);
  if (!open && (options.all || options.selector !== undefined)) throw new Failure('give either names, or -l or --all');
}

async function bySource(session: Session, refs: readonly Ref[]) {
  const found = await Promise.all(
    refs.map(({ kind, namespace, name }) =>
      selectObjects(session.client, [{ kind: session.kinds.must(kind), names: [name] }], namespace),
    ),
  );
  return dependentsFirst(session.kinds, {
    objects: found.flatMap((f) => f.objects),
    missing: found.flatMap((f) => f.missing),
  });
}

/** The opposite of the order of applying: what refers to others goes before them, so that nothing waits without need. */
function dependentsFirst<T extends { objects: Resource[] }>(kinds: KindRegistry, selected: T): T {
  const rank = (object: Resource) => kinds.position(object.kind);
  return { ...selected, objects: selected.objects.toSorted((a, b) => rank(b) - rank(a)) };
}

/** Sends every deletion before any is waited for. Answers the keys of those that were refused. */
async function sendAll(session: Session, objects: readonly Resource[], cascade: Cascade): Promise<Set<string>> {
  const limit = pLimit(AT_ONCE);
  const failed = new Set<string>();
  const sent = objects.map((object) => limit(() => send(session, object, cascade)));
  for (const [i, result] of sent.entries()) {
    const object = objects[i];
    const error = await result;
    if (!object) continue;
    if (error === undefined) session.print(`${nameOf(session.kinds, refOf(object))} deleted`);
    else {
      failed.add(keyOf(refOf(object)));
      session.tell(`error: ${nameOf(session.kinds, refOf(object))}: ${error}`);
    }
  }
  return failed;
}

async function send(session: Session, object: Resource, cascade: Cascade): Promise<string | undefined> {
  try {
    await deleteObject(session.client, refOf(object), cascade, object.metadata.uid);
    return undefined;
  } catch (error) {
    // Someone else deleted it in between, which is what was wanted.
    return error instanceof StatusError && error.reason === 'NotFound' ? undefined : tell(error);
  }
}
