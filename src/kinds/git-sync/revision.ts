import type { RawDocument } from '../../admission/admit.ts';
import { identityOf, load } from '../../admission/load.ts';
import type { LoadedDocument, Prepare, Problem } from '../../admission/load.ts';
import { kindOfDocument } from '../../admission/operations.ts';
import { duplicates, problemsOf } from '../../admission/problems.ts';
import { refIn } from '../../api/kind.ts';
import type { KindDefinition } from '../../api/kind.ts';
import type { Ref } from '../../api/metadata.ts';
import type { KindRegistry } from '../../api/registry.ts';
import { turns } from '../../base/turns.ts';
import type { Commit } from '../../drivers/git/git.ts';
import { isAgeFile } from './decrypt/age.ts';
import type { SyncFile } from './decrypt/findings.ts';
import { mayBeEncrypted, refusingEncrypted, revealing, TO_DECRYPT } from './decrypt/prepare.ts';
import type { SyncSnapshot } from './decrypt/snapshot.ts';
import { withoutSecrets } from './masked.ts';
import { Places } from './places.ts';
import { filled } from './variables.ts';
import type { Variables } from './variables.ts';

/** A document of a file, and the object that it speaks of. */
export interface SyncDocument extends LoadedDocument {
  document: RawDocument;
  kind: KindDefinition;
  ref: Ref;
  /** Values that no message may show. */
  secrets: readonly string[];
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
  variables?: Variables;
  /** Values that no message may show. */
  secrets: readonly string[];
}

/** What one file holds. */
export type LoadedFile = Pick<LoadedFolder, 'documents' | 'problems'>;

/**
 * The documents of a snapshot's files, with everything that is wrong with them told at once (I13). In slices: other work
 * has its turn meanwhile.
 */
export async function readRevision(
  { commit, folders }: SyncSnapshot,
  kinds: KindRegistry,
  fileOf: (file: SyncFile) => LoadedFile,
): Promise<LoadedRevision> {
  const read: LoadedFolder[] = [];
  for (const { path, files } of folders) {
    const loaded: LoadedFile[] = [];
    await turns.each(files, (file) => void loaded.push(fileOf(file)));
    read.push(folderOf(path, loaded, kinds));
  }
  // One object in two folders is in none that could go without the other.
  const twice = duplicates(read.flatMap(({ documents }) => documents));
  const withTwice = read.map((folder) => ({
    ...folder,
    problems: [...folder.problems, ...twice.filter(({ file }) => folder.documents.some((d) => d.file === file))],
  }));
  return { commit, folders: withTwice };
}

function folderOf(path: string, files: readonly LoadedFile[], kinds: KindRegistry): LoadedFolder {
  const documents = files.flatMap((file) => file.documents);
  documents.sort((a, b) => kinds.position(a.kind.kind) - kinds.position(b.kind.kind));
  return { path, documents, problems: files.flatMap(({ problems }) => problems) };
}

/** Pure. */
export function readFile(file: SyncFile, options: ReadOptions): LoadedFile {
  const secrets = [...options.secrets, ...(file.decrypted?.secrets ?? [])];
  const told = (problems: readonly Problem[]) => problems.map((problem) => withoutSecrets(problem, secrets));
  const { text, problems: unfilled, prepare } = plainText(file, options.variables);
  if (unfilled.length > 0) return { documents: [], problems: told(unfilled) };
  const loaded = load(text, file.path, prepare);
  const problems = [...loaded.problems];
  const places = new Places(text, file.path, prepare);
  const documents = loaded.documents.flatMap((one, index) => {
    try {
      return [{ ...placed(one, options), locate: places.of(index), secrets }];
    } catch (error) {
      problems.push(...problemsOf(one, error));
      return [];
    }
  });
  return { documents, problems: told(problems) };
}

/** The text that is loaded, and what it is prepared with. What was decrypted is taken as it is: nothing of it is filled. */
function plainText(
  { path, content, decrypted }: SyncFile,
  variables: Variables,
): { text: string; problems: readonly Problem[]; prepare: Prepare | undefined } {
  const { problems = [], values = new Map<number, never>() } = decrypted ?? {};
  if (problems.length > 0) return { text: '', problems, prepare: undefined };
  if (!decrypted && isAgeFile(content)) {
    const problem = {
      file: path,
      place: { line: 1, column: 1 },
      message: `the file is encrypted by age: ${TO_DECRYPT}`,
    };
    return { text: '', problems: [problem], prepare: undefined };
  }
  if (decrypted?.text !== undefined) return { text: decrypted.text, problems, prepare: revealing(values) };
  const { text, missing, moved } = filled(content.toString('utf8'), variables);
  const inPlace = new Map([...values].map(([offset, plain]) => [moved(offset), plain]));
  return {
    text,
    problems: missing.map((missed) => ({ ...missed, file: path })),
    prepare: decrypted ? revealing(inPlace) : mayBeEncrypted(text) ? refusingEncrypted : undefined,
  };
}

/** In its namespace. */
function placed(
  loaded: LoadedDocument,
  { kinds, namespace, targetNamespace }: ReadOptions,
): Omit<SyncDocument, 'secrets'> {
  const document = loaded.document as RawDocument | null;
  if (typeof document !== 'object' || document === null || Array.isArray(document))
    throw new Error('expected a document with apiVersion, kind, metadata and spec');
  if (document['kind'] === undefined && document['apiVersion'] === undefined)
    throw new Error('it has no apiVersion and no kind: if the file is another program’s, name it in spec.exclude');
  const kind = kindOfDocument(document, kinds);
  if (kind.scope === 'Cluster' && targetNamespace !== undefined)
    throw new Error(
      `${kind.plural} are in no namespace, and this sync has a targetNamespace: it applies what is in that one alone; put it into another sync`,
    );
  const { metadata } = document;
  if (kind.scope === 'Cluster' || typeof metadata !== 'object' || metadata === null)
    return { ...loaded, document, kind, ref: refIn(kind, undefined, identityOf(document).name) };
  const where = targetNamespace ?? (metadata['namespace'] as string | undefined) ?? namespace;
  const inPlace: RawDocument = { ...document, metadata: { ...metadata, namespace: where } };
  return { ...loaded, document: inPlace, kind, ref: { ...identityOf(inPlace), kind: kind.kind } };
}
