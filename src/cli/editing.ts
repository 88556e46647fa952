import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { formatProblem, load } from '../admission/load.ts';
import type { LoadedDocument, Problem } from '../admission/load.ts';
import type { Ref, Resource } from '../api/metadata.ts';
import { sameJson } from '../base/hash.ts';
import { StatusError } from '../base/errors.ts';
import { Failure } from './failure.ts';
import { problemsOf } from '../admission/problems.ts';
import { mergePatchOf } from './merge-patch.ts';
import { getObject, mergeObject, nameOf } from './objects.ts';
import type { Session } from './session.ts';
import { desired, toYaml } from './yaml.ts';

/** Owns what is edited. */
const MANAGER = 'miniaws-edit';

/** Opens an editor on the object, and sends what has changed. */
export async function edit(session: Session, ref: Ref): Promise<void> {
  const live = await getObject(session.client, ref);
  const folder = await mkdtemp(join(tmpdir(), 'miniaws-edit-'));
  const file = join(folder, `${ref.kind.toLowerCase()}-${ref.name}.yaml`);
  try {
    const outcome = await editUntilAccepted(session, ref, live, file);
    await rm(folder, { recursive: true, force: true });
    session.print(`${nameOf(session.kinds, ref)} ${outcome}`);
  } catch (error) {
    session.tell(`your text is kept in ${file}`);
    throw error;
  }
}

const INTRODUCTION = [
  'Edit, save and leave the editor to change the object. Lines that begin with # are not read.',
  'An empty file, or one without a change, changes nothing.',
];

/** Opens the editor, and again with what is wrong, until the change is accepted or the person gives it up. */
async function editUntilAccepted(session: Session, ref: Ref, live: Resource, file: string): Promise<string> {
  const original = toYaml(desired(session.kinds, live));
  let text = original;
  let comments = INTRODUCTION;
  for (;;) {
    const shown = `${comments.map((line) => `# ${line}`).join('\n')}\n${text}`;
    await writeFile(file, shown, { mode: 0o600 });
    await openEditor(session, file);
    const edited = withoutComments(await readFile(file, 'utf8'));
    if (edited.trim() === '' || edited === original) return 'unchanged (the edit was given up)';
    if (comments !== INTRODUCTION && edited === text) throw new Failure('the edit was given up; nothing was changed');
    text = edited;
    const result = await submit(session, ref, live, text);
    if (typeof result === 'string') return result;
    comments = [...INTRODUCTION, '', 'This was refused:', ...result.map(formatProblem)];
  }
}

const withoutComments = (text: string): string =>
  text
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .join('\n');

async function submit(session: Session, ref: Ref, live: Resource, text: string): Promise<string | Problem[]> {
  const { documents, problems } = load(text, 'edited');
  const [edited] = documents;
  if (problems.length > 0 || !edited)
    return problems.length > 0 ? problems : [{ file: 'edited', message: 'no document' }];
  const patch = mergePatchOf(desired(session.kinds, live), edited.document) ?? {};
  if (sameJson(patch, {})) return 'unchanged';
  return send(session, ref, patch as Record<string, unknown>, edited);
}

async function send(
  session: Session,
  ref: Ref,
  patch: Record<string, unknown>,
  edited: LoadedDocument,
): Promise<string | Problem[]> {
  const fixed = ['apiVersion', 'kind'].filter((field) => Object.hasOwn(patch, field));
  if (fixed.length > 0)
    return fixed.map((field) => ({ file: 'edited', place: edited.locate(field), field, message: 'cannot be changed' }));
  try {
    await mergeObject(session.client, ref, patch, MANAGER);
    return 'edited';
  } catch (error) {
    if (error instanceof StatusError && error.code < 500 && error.code !== 401) return problemsOf(edited, error);
    throw error;
  }
}

/** Through the shell, so that `EDITOR="code --wait"` works, with the file's name as an argument, never as shell text. */
function openEditor({ io }: Session, file: string): Promise<void> {
  const editor = io.env['VISUAL'] || io.env['EDITOR'] || 'vi';
  return new Promise((resolve, reject) => {
    const child = spawn('/bin/sh', ['-c', `${editor} "$1"`, 'sh', file], { stdio: 'inherit', env: io.env });
    child.on('error', reject);
    child.on('exit', (code, signal) => {
      if (code === 0) resolve();
      else reject(new Failure(`the editor (${editor}) ended with ${signal ?? `status ${code}`}; nothing was changed`));
    });
  });
}
