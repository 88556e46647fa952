import { ANY_SERVER } from '../base/host-access.ts';
import { ENGINE_SOCKETS } from '../base/host-paths.ts';
import { admit } from '../admission/admit.ts';
import type { AdmissionContext, RawDocument } from '../admission/admit.ts';
import { identityOf, load } from '../admission/load.ts';
import type { LoadedDocument, Problem } from '../admission/load.ts';
import { duplicates, problemsOf } from '../admission/problems.ts';
import { kindOfDocument } from '../admission/operations.ts';
import type { Ref } from '../api/metadata.ts';
import type { KindRegistry } from '../api/registry.ts';
import { refIn } from '../api/kind.ts';
import type { AdmissionSettings, KindDefinition, View } from '../api/kind.ts';
import { StatusError } from '../base/errors.ts';
import { readBeside } from './file-beside.ts';
import type { Source } from './sources.ts';

/** A checked document with where it stands in its file. */
export interface Manifest extends LoadedDocument {
  document: RawDocument;
  kind: KindDefinition;
  ref: Ref;
}

export interface Manifests {
  /** What is referred to comes first, then in the order of the files. */
  manifests: Manifest[];
  problems: Problem[];
}

export interface NamespaceChoice {
  /** For documents that name none. */
  namespace: string;
  /** Given by flag: a document that names another is refused. */
  explicit: boolean;
}

/** No other documents: what holds of one by itself is checked, and the rest is left to the server. */
export const EMPTY_VIEW: View = {
  get: () => undefined,
  byUid: () => undefined,
  list: () => [],
  lookup: () => [],
  lookupAll: () => [],
  indexed: () => [],
};

/** Allows whatever only the daemon's own settings can forbid. */
const PERMISSIVE: AdmissionSettings = {
  vpcPool: '10.0.0.0/8',
  vpcPrefix: 24,
  hostPaths: { allowed: ['/'], guarded: ENGINE_SOCKETS },
  hostAccess: { devices: ['/'], gpus: true, metadata: true, nfsServers: [ANY_SERVER] },
  foreignRanges: () => [],
};

export const localContext = (now = new Date()): AdmissionContext => ({
  settings: PERMISSIVE,
  now,
  fieldValidation: 'Strict',
  warnings: [],
});

/** Parses and checks everything before anything is sent, so that all problems are told at once (I13). */
export function loadManifests(kinds: KindRegistry, sources: readonly Source[], choice: NamespaceChoice): Manifests {
  const result: Manifests = { manifests: [], problems: [] };
  for (const { text, file, folder } of sources) {
    const { documents, problems } = load(text, file);
    result.problems.push(...problems);
    const readFile = (path: string) => readBeside(folder, path);
    for (const document of documents) readInto(kinds, result, document, choice, readFile);
  }
  result.problems.push(...duplicates(result.manifests));
  result.manifests.sort((a, b) => kinds.position(a.kind.kind) - kinds.position(b.kind.kind));
  return result;
}

type ReadFile = (path: string) => Buffer;

function readInto(
  kinds: KindRegistry,
  result: Manifests,
  loaded: LoadedDocument,
  choice: NamespaceChoice,
  readFile: ReadFile,
): void {
  try {
    const manifest = inlined(read(kinds, loaded, choice), readFile);
    admit(manifest.kind, manifest.document, undefined, EMPTY_VIEW, localContext());
    result.manifests.push(manifest);
  } catch (error) {
    result.problems.push(...problemsOf(loaded, error));
  }
}

const inlined = (manifest: Manifest, readFile: ReadFile): Manifest =>
  manifest.kind.inline
    ? { ...manifest, document: manifest.kind.inline(manifest.document, readFile) as RawDocument }
    : manifest;

function read(kinds: KindRegistry, loaded: LoadedDocument, choice: NamespaceChoice): Manifest {
  const document: unknown = loaded.document;
  if (typeof document !== 'object' || document === null || Array.isArray(document))
    throw new Error('expected a document with apiVersion, kind, metadata and spec');
  const kind = kindOfDocument(document as RawDocument, kinds);
  const { metadata } = document as RawDocument;
  const named = typeof metadata === 'object' && metadata !== null ? metadata['namespace'] : undefined;
  if (kind.scope === 'Cluster') {
    const { name } = identityOf(document as RawDocument);
    return { ...loaded, document: document as RawDocument, kind, ref: refIn(kind, undefined, name) };
  }
  if (choice.explicit && named !== undefined && named !== choice.namespace)
    throw new StatusError('BadRequest', '', {
      causes: [
        {
          reason: 'FieldValueInvalid',
          field: 'metadata.namespace',
          message: `the document is of namespace ${JSON.stringify(named)}, and --namespace says ${choice.namespace}`,
        },
      ],
    });
  const placed =
    named === undefined && typeof metadata === 'object' && metadata !== null
      ? { ...(document as RawDocument), metadata: { ...metadata, namespace: choice.namespace } }
      : (document as RawDocument);
  return { ...loaded, document: placed, kind, ref: { ...identityOf(placed), kind: kind.kind } };
}
