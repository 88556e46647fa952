import { isAlias, isMap, isPair, isScalar, isSeq, LineCounter, parseAllDocuments, visit } from 'yaml';
import type { Document, Node, Pair, YAMLMap } from 'yaml';
import { DEFAULT_NAMESPACE, keyOf, titleOf } from '../api/metadata.ts';
import { messageOf } from '../base/errors.ts';
import { jsonValues } from './json-values.ts';
import { formatPath, parsePath } from './path.ts';
import type { Segment } from './path.ts';

/** A file larger than this is refused before it is parsed: no manifest is, and a bomb may be. */
export const MAX_BYTES = 1 << 20;
/** Uses of one anchor in a document; what all of them come to is bounded by MAX_NODES. */
const MAX_ALIASES = 10_000;
const MAX_DOCUMENTS = 10_000;
/** Values of one document with its aliases written out: those of a file of the largest size, and some more. */
const MAX_NODES = 500_000;

interface Place {
  line: number;
  column: number;
}

/** What is wrong, and where: printed as `file:line:column: field: message`. */
export interface Problem {
  file: string;
  place?: Place;
  field?: string;
  message: string;
}

export interface LoadedDocument {
  file: string;
  document: Record<string, unknown>;
  /** Where a field stands; of one that is not there, where its nearest ancestor stands. */
  locate: (field: string | undefined, part?: 'key' | 'value') => Place;
}

export interface Loaded {
  documents: LoadedDocument[];
  problems: Problem[];
}

export const formatProblem = ({ file, place, field, message }: Problem): string =>
  `${file}${place ? `:${place.line}:${place.column}` : ''}: ${field ? `${field}: ` : ''}${message}`;

/** One document of a text, as it was parsed. */
export interface ParsedPart {
  yaml: Document.Parsed;
  /** Where in the text the part begins that the places of `yaml` count from. */
  offset: number;
}

/** Changes the values of a document before they are read, and answers what is wrong with it, by places of `yaml`. */
export type Prepare = (part: ParsedPart) => readonly { offset: number; message: string }[];

export const parseText = (text: string): ParsedPart[] =>
  (jsonValues(text) ?? [{ text, offset: 0 }]).flatMap(({ text: part, offset }) =>
    parse(part).map((yaml) => ({ yaml, offset })),
  );

/** YAML or JSON text as documents with their places. Problems are values: all of a file's are told at once. */
export function load(text: string, file: string, prepare: Prepare = () => []): Loaded {
  const bytes = Buffer.byteLength(text);
  if (bytes > MAX_BYTES) return refused(file, `the file has ${bytes} bytes; at most ${MAX_BYTES} are read. Split it`);
  const at = placesOf(text);
  const loaded: Loaded = { documents: [], problems: [] };
  try {
    const parsed = parseText(text);
    if (parsed.length > MAX_DOCUMENTS)
      return refused(file, `the file has ${parsed.length} documents; at most ${MAX_DOCUMENTS} are read. Split it`);
    for (const part of parsed)
      readDocument(
        part.yaml,
        file,
        (o) => at(part.offset + o),
        loaded,
        () => prepare(part),
      );
  } catch (error) {
    return refused(file, messageOf(error));
  }
  findDuplicates(loaded);
  return loaded;
}

const parse = (text: string): Document.Parsed[] =>
  parseAllDocuments(text, {
    // `<<: *base`, as kubectl takes them.
    merge: true,
    // It compares each key with each other; `doubledKeys` does not.
    uniqueKeys: false,
    prettyErrors: false,
  }) as Document.Parsed[];

const refused = (file: string, message: string): Loaded => ({ documents: [], problems: [{ file, message }] });

type At = (offset: number) => Place;

/** The place of each offset of the text. */
export function placesOf(text: string): At {
  const lines = new LineCounter();
  lines.addNewLine(0);
  for (let i = text.indexOf('\n'); i >= 0; i = text.indexOf('\n', i + 1)) lines.addNewLine(i + 1);
  return (offset) => {
    const { line, col } = lines.linePos(offset);
    return { line: Math.max(line, 1), column: Math.max(col, 1) };
  };
}

function readDocument(
  yaml: Document.Parsed,
  file: string,
  at: At,
  into: Loaded,
  prepare: () => ReturnType<Prepare>,
): void {
  const { contents } = yaml;
  const start = contents?.range?.[0] ?? 0;
  const refuse = (offset: number, message: string, field?: string) =>
    void into.problems.push({ file, place: at(offset), ...(field === undefined ? {} : { field }), message });
  for (const error of yaml.errors) refuse(error.pos[0], sentence(error.message));
  if (yaml.errors.length > 0) return;
  const doubled = doubledKeys(yaml);
  for (const offset of doubled) refuse(offset, 'Map keys must be unique');
  if (doubled.length > 0) return;
  if (expandedSize(contents, new Map()) > MAX_NODES)
    return refuse(start, `its aliases come to more than ${MAX_NODES} values: write them out`);
  const unprepared = prepare();
  for (const { offset, message } of unprepared) refuse(offset, message);
  if (unprepared.length > 0) return;
  let value: unknown;
  try {
    value = yaml.toJS({ maxAliasCount: MAX_ALIASES });
  } catch (error) {
    return refuse(start, messageOf(error));
  }
  if (value === null || value === undefined) return;
  if (typeof value !== 'object' || Array.isArray(value))
    return refuse(start, 'expected a document with apiVersion, kind, metadata and spec');
  const locateIn =
    (prefix: readonly Segment[]): LoadedDocument['locate'] =>
    (field, part = 'value') =>
      at(offsetOf(yaml, [...prefix, ...parsePath(field ?? '')], part));
  const strange = notANumber(value);
  if (strange)
    return refuse(offsetOf(yaml, strange, 'value'), 'expected a number, found one that is none', formatPath(strange));
  const document = withoutExtensions(value as Record<string, unknown>);
  if (Object.keys(document).length === 0) return;
  if (!isList(document)) {
    into.documents.push({ file, document, locate: locateIn([]) });
    return;
  }
  if (!Array.isArray(document['items']))
    return refuse(offsetOf(yaml, ['items'], 'value'), 'expected a list of documents', 'items');
  document['items'].forEach((item: unknown, i) =>
    into.documents.push({ file, document: item as Record<string, unknown>, locate: locateIn(['items', i]) }),
  );
}

/** `List`, or what `kubectl get -o yaml` prints of one kind: `InstanceList`. */
const isList = ({ kind, items }: Record<string, unknown>): boolean =>
  kind === 'List' || (typeof kind === 'string' && kind.endsWith('List') && items !== undefined);

/** Members such as `x-common` are where people keep anchors, as in a Compose file: they say nothing of the object. */
const withoutExtensions = (document: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(document).filter(([key]) => !key.startsWith('x-')));

/** Where there is a `.nan` or an `.inf`, which JSON has not. */
function notANumber(value: unknown, path: readonly Segment[] = []): readonly Segment[] | undefined {
  if (typeof value === 'number') return Number.isFinite(value) ? undefined : path;
  if (typeof value !== 'object' || value === null) return undefined;
  const members = Array.isArray(value) ? [...(value as unknown[]).entries()] : Object.entries(value);
  for (const [key, member] of members) {
    const found = notANumber(member, [...path, key]);
    if (found) return found;
  }
  return undefined;
}

/** Values that the node comes to when every alias is written out. `anchors`: what the anchors before it come to. */
function expandedSize(node: unknown, anchors: Map<string, number>): number {
  if (isAlias(node)) return anchors.get(node.source) ?? 1;
  const anchor = isScalar(node) || isMap(node) || isSeq(node) ? node.anchor : undefined;
  // Whoever asks for it meanwhile is a part of it.
  if (anchor !== undefined) anchors.set(anchor, Infinity);
  let size = 1;
  if (isMap(node)) for (const { value } of node.items) size += expandedSize(value, anchors);
  if (isSeq(node)) for (const item of node.items) size += expandedSize(item, anchors);
  if (anchor !== undefined) anchors.set(anchor, size);
  return size;
}

/** Where keys stand that their mapping has already. */
function doubledKeys(yaml: Document.Parsed): number[] {
  const offsets: number[] = [];
  visit(yaml, {
    Map(_, map) {
      const seen = new Set<unknown>();
      for (const { key } of map.items) {
        if (!isScalar(key)) continue;
        if (seen.has(key.value)) offsets.push(key.range?.[0] ?? 0);
        seen.add(key.value);
      }
    },
  });
  return offsets;
}

const sentence = (message: string): string =>
  message.split('\n')[0]?.replace(/ at line \d+, column \d+:?$/, '') ?? message;

/** The offset of the value, or of the key when the value is empty; of the nearest ancestor when the field is missing. */
function offsetOf(yaml: Document.Parsed, segments: readonly Segment[], part: 'key' | 'value'): number {
  let node: unknown = yaml.contents;
  let offset = yaml.contents?.range?.[0] ?? 0;
  for (const segment of segments) {
    if (isMap(node)) {
      const pair = pairOf(yaml, node, String(segment));
      if (!pair) return offset;
      offset = (pair.key as Node).range?.[0] ?? offset;
      node = isAlias(pair.value) ? pair.value.resolve(yaml) : pair.value;
    } else if (isSeq(node)) {
      node = node.items[Number(segment)];
      offset = (node as Node | undefined)?.range?.[0] ?? offset;
    } else return offset;
  }
  return part === 'value' && isScalar(node) && node.range && node.range[1] > node.range[0] ? node.range[0] : offset;
}

/** The map's own member, or one of those that it merges in. */
function pairOf(yaml: Document.Parsed, map: YAMLMap, name: string): Pair | undefined {
  const pairs = map.items.filter(isPair);
  const own = pairs.find(({ key }) => isScalar(key) && typeof key.value !== 'symbol' && String(key.value) === name);
  if (own) return own;
  const merged = pairs.filter(({ key }) => isScalar(key) && typeof key.value === 'symbol');
  const sources = merged.flatMap(({ value }) => (isSeq(value) ? value.items : [value]));
  for (const source of sources) {
    const target = isAlias(source) ? source.resolve(yaml) : source;
    const found = isMap(target) ? pairOf(yaml, target, name) : undefined;
    if (found) return found;
  }
  return undefined;
}

/** Which object a document speaks of, as far as it says; for finding two of one. */
export function identityOf(document: Record<string, unknown>): { kind: string; namespace: string; name: string } {
  const metadata = (document['metadata'] ?? {}) as { name?: unknown; namespace?: unknown };
  const text = (value: unknown, fallback: string) => (typeof value === 'string' && value !== '' ? value : fallback);
  return {
    kind: text(document['kind'], ''),
    namespace: text(metadata.namespace, DEFAULT_NAMESPACE),
    name: text(metadata.name, ''),
  };
}

function findDuplicates(loaded: Loaded): void {
  const seen = new Map<string, LoadedDocument>();
  loaded.documents = loaded.documents.filter((loadedDocument) => {
    const { kind, namespace, name } = identityOf(loadedDocument.document ?? {});
    const key = keyOf({ kind, namespace, name });
    const first = seen.get(key);
    if (!first || name === '') return seen.set(key, loadedDocument);
    const { line } = first.locate('metadata.name');
    loaded.problems.push({
      file: loadedDocument.file,
      place: loadedDocument.locate('metadata.name'),
      field: 'metadata.name',
      message: `${titleOf({ kind, namespace, name })} is already at line ${line} of this file`,
    });
    return false;
  });
}
