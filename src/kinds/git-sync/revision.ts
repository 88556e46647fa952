import type { RawDocument } from '../../admission/admit.ts';
import { identityOf, load } from '../../admission/load.ts';
import type { LoadedDocument, Problem } from '../../admission/load.ts';
import { kindOfDocument } from '../../admission/operations.ts';
import { duplicates, problemsOf } from '../../admission/problems.ts';
import { refIn } from '../../api/kind.ts';
import type { KindDefinition } from '../../api/kind.ts';
import type { Ref } from '../../api/metadata.ts';
import type { KindRegistry } from '../../api/registry.ts';
import { own } from '../../base/own.ts';
import type { Commit, GitFile, Snapshot } from '../../drivers/git/git.ts';

/** A document of a file, and the object that it speaks of. */
export interface SyncDocument extends LoadedDocument {
  document: RawDocument;
  kind: KindDefinition;
  ref: Ref;
}

/** What one folder holds. One with problems is nothing to apply. */
export interface LoadedFolder {
  path: string;
  /** In the order of applying: what is referred to comes first. */
  documents: readonly SyncDocument[];
  problems: readonly Problem[];
}

export interface LoadedRevision {
  commit: Commit;
  folders: readonly LoadedFolder[];
}

/** What the files are read with. */
export interface ReadOptions {
  kinds: KindRegistry;
  /** Of objects that name none. */
  namespace: string;
  /** Of all of them. */
  targetNamespace?: string | undefined;
  /** Values of `${NAME}`; nothing is filled when left out. */
  variables?: Readonly<Record<string, string>> | undefined;
  /** Values that no message may show. */
  secrets: readonly string[];
}

/** Pure: the documents of a snapshot's files, with everything that is wrong with them told at once (I13). */
export function readRevision({ commit, folders }: Snapshot, options: ReadOptions): LoadedRevision {
  const read = folders.map(({ path, files }) => readFolder(path, files, options));
  // One object in two folders is in none that could go without the other.
  const twice = duplicates(read.flatMap(({ documents }) => documents));
  const withTwice = read.map((folder) => ({
    ...folder,
    problems: [...folder.problems, ...twice.filter(({ file }) => folder.documents.some((d) => d.file === file))],
  }));
  return { commit, folders: withTwice };
}

function readFolder(path: string, files: readonly GitFile[], options: ReadOptions): LoadedFolder {
  const documents: SyncDocument[] = [];
  const problems: Problem[] = [];
  for (const file of files) {
    const { text, missing } = filled(file.content.toString('utf8'), options.variables);
    if (missing.length > 0) {
      problems.push(...missing.map((missed) => ({ ...missed, file: file.path })));
      continue;
    }
    const loaded = load(text, file.path);
    problems.push(...loaded.problems);
    for (const one of loaded.documents) {
      try {
        documents.push(placed(one, options));
      } catch (error) {
        problems.push(...problemsOf(one, error));
      }
    }
  }
  const { kinds, secrets } = options;
  documents.sort((a, b) => kinds.position(a.kind.kind) - kinds.position(b.kind.kind));
  return { path, documents, problems: problems.map((problem) => withoutSecrets(problem, secrets)) };
}

/** In its namespace. */
function placed(loaded: LoadedDocument, { kinds, namespace, targetNamespace }: ReadOptions): SyncDocument {
  const document = loaded.document as RawDocument | null;
  if (typeof document !== 'object' || document === null || Array.isArray(document))
    throw new Error('expected a document with apiVersion, kind, metadata and spec');
  if (document['kind'] === undefined && document['apiVersion'] === undefined)
    throw new Error('it has no apiVersion and no kind: if the file is another program’s, name it in spec.exclude');
  const kind = kindOfDocument(document, kinds);
  const { metadata } = document;
  if (kind.scope === 'Cluster' || typeof metadata !== 'object' || metadata === null)
    return { ...loaded, document, kind, ref: refIn(kind, undefined, identityOf(document).name) };
  const where = targetNamespace ?? (metadata['namespace'] as string | undefined) ?? namespace;
  const inPlace: RawDocument = { ...document, metadata: { ...metadata, namespace: where } };
  return { ...loaded, document: inPlace, kind, ref: { ...identityOf(inPlace), kind: kind.kind } };
}

const VARIABLE = /\$(\$)?\{([A-Za-z_][A-Za-z0-9_]*)\}/g;

/** `${NAME}` becomes the variable's value, `$${NAME}` becomes `${NAME}`. */
function filled(text: string, variables: ReadOptions['variables']): { text: string; missing: Omit<Problem, 'file'>[] } {
  if (variables === undefined) return { text, missing: [] };
  const missing: Omit<Problem, 'file'>[] = [];
  const result = text.replaceAll(VARIABLE, (whole, escaped: string | undefined, name: string, offset: number) => {
    if (escaped) return whole.slice(1);
    const value = own(variables, name);
    if (value !== undefined) return value;
    const before = text.slice(0, offset).split('\n');
    const place = { line: before.length, column: (before.at(-1)?.length ?? 0) + 1 };
    missing.push({ place, message: `no variable ${name} is given: add it to spec.substitute, or write $\${${name}}` });
    return whole;
  });
  return { text: result, missing };
}

/** Shorter ones stand in other words, too, and are no secrets. */
const SHORTEST_SECRET = 4;

const withoutSecrets = <P extends { message: string }>(problem: P, secrets: readonly string[]): P => ({
  ...problem,
  message: secrets
    .filter((secret) => secret.length >= SHORTEST_SECRET)
    .reduce((message, secret) => message.replaceAll(secret, '***'), problem.message),
});
