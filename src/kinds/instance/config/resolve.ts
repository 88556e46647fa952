import type { View } from '../../../api/kind.ts';
import type { Resource } from '../../../api/metadata.ts';
import type { Digest } from '../../../base/hash.ts';
import type { FileContent } from '../../../drivers/compute.ts';
import type { ConfigMap } from '../../config-map/types.ts';
import { contentAt } from '../../shared/config-data.ts';
import type { ConfigFile, InstanceSpec, OnChange } from '../types.ts';
import { fill, MAX_FILE_CONTENT, namesIn, variableOf } from './template.ts';
import type { OwnFields } from './template.ts';
import { isReference, itemOf, usesOf, variableIn } from './uses.ts';
import type { Use } from './uses.ts';

/** One content that an instance is given, without the content. */
interface ConfigItem {
  digest: string;
  onChange: OnChange;
}

/** What an instance is given, as documents have it now. */
export interface ResolvedConfig {
  /** What hinders it, in words that name it. While there is any, nothing of the rest is used. */
  missing: readonly string[];
  /** By name. */
  items: Readonly<Record<string, ConfigItem>>;
  /** Values in the clear: never printed, logged or stored. */
  env: Readonly<Record<string, string>>;
  files: readonly FileContent[];
}

interface Value {
  content: string | Buffer;
  item: string;
  use: Use;
  /** Of the content by itself. */
  digest: string;
  secret: boolean;
}

/** Pure: of an instance's specification and the documents. */
export function resolveConfig(
  spec: Pick<InstanceSpec, 'env' | 'envFrom' | 'files' | 'user'>,
  own: OwnFields,
  { view, digest }: { view: View; digest: Digest },
): ResolvedConfig {
  const missing: string[] = [];
  const values = new Map<string, Value>();
  const tell = (what: string) => void (missing.includes(what) || missing.push(what));
  for (const use of usesOf(spec))
    for (const [key, value] of contentsOf(use, own.namespace ?? '', view, digest, tell)) {
      const target = use.target(key);
      values.set(target, { ...value, use, item: itemOf(use, key, target) });
    }
  const literal = Object.entries(spec.env ?? {}).filter((entry): entry is [string, string] => !isReference(entry[1]));
  for (const [name] of literal) values.delete(`env:${name}`);
  const variables = [...values].flatMap(([target, value]) => {
    const name = variableIn(target);
    return name === undefined ? [] : [{ name, value, text: variableText(value, own, tell) }];
  });
  const env = Object.fromEntries([...literal, ...variables.map(({ name, text }) => [name, text] as const)]);
  const secrets = new Set(variables.filter(({ value }) => value.secret).map(({ name }) => name));
  const items: Record<string, ConfigItem> = {};
  for (const { value } of variables) items[value.item] = { digest: value.digest, onChange: value.use.onChange };
  const files = [...values].flatMap(([path, value]): FileContent[] => {
    const { file } = value.use;
    if (!file) return [];
    const made = file.template ? filled(path, value, { own, env, secrets, digest }, tell) : value;
    if (Buffer.byteLength(made.content) > MAX_FILE_CONTENT)
      tell(`file ${path} would be larger than 1 MiB; make it smaller`);
    items[value.item] = { digest: made.digest, onChange: value.use.onChange };
    return [{ path, content: made.content, ...accessOf(file, made.secret, spec.user) }];
  });
  return { missing, items, env, files };
}

/** Of a member of a group, `namespace/name` of what hinders it is what a person looks for. */
type Tell = (what: string) => void;
type Content = Pick<Value, 'content' | 'digest' | 'secret'>;

function contentsOf(use: Use, namespace: string, view: View, digest: Digest, tell: Tell): [string, Content][] {
  const { source, file } = use;
  if (!source) {
    const content = file?.content ?? '';
    return [['', { content, digest: digest(content), secret: false }]];
  }
  const title = `${source.kind} ${namespace}/${source.name}`;
  const document = view.get({ kind: source.kind, namespace, name: source.name });
  if (!document) {
    if (!use.optional) tell(`${title} is not there: create it`);
    return [];
  }
  const secret = source.kind === 'Secret';
  const keys = use.key === undefined ? keysOf(document, use) : [use.key];
  return keys.flatMap((key): [string, Content][] => {
    const content = contentAt(document, key);
    if (content !== undefined) return [[key, { content, digest: digestOf(document, key, content, digest), secret }]];
    if (!use.optional) tell(`${title} has no key ${key}: add it`);
    return [];
  });
}

/** As in Kubernetes, `binaryData` becomes files, and no variables unless one asks for the key. */
function keysOf(document: Resource, { file }: Use): string[] {
  const { data, binaryData } = document as ConfigMap;
  return Object.keys({ ...data, ...(file && binaryData) }).sort();
}

/** A document as it is stored never changes, and is asked in every pass of all that use it. */
const digests = new WeakMap<Resource, Map<string, string>>();

function digestOf(document: Resource, key: string, content: string | Buffer, digest: Digest): string {
  let known = digests.get(document);
  if (!known) digests.set(document, (known = new Map()));
  const found = known.get(key) ?? digest(content);
  known.set(key, found);
  return found;
}

/** `undefined`: it is not UTF-8, or has a NUL, which no process can be given. */
function textOf(content: string | Buffer): string | undefined {
  if (typeof content === 'string') return content;
  const text = content.toString('utf8');
  return Buffer.from(text).equals(content) ? text : undefined;
}

function variableText({ content, item, use }: Value, { namespace }: OwnFields, tell: Tell): string {
  const text = textOf(content);
  if (text !== undefined && !text.includes('\0')) return text;
  const [, , key] = item.split(' ');
  tell(
    `key ${key} of ${use.source?.kind} ${namespace}/${use.source?.name} is not text, and cannot be a variable: give it as a file`,
  );
  return '';
}

interface Filling {
  own: OwnFields;
  env: Readonly<Record<string, string>>;
  secrets: ReadonlySet<string>;
  digest: Digest;
}

/** A file that has a secret variable in it is as secret as that. */
function filled(path: string, value: Value, { own, env, secrets, digest }: Filling, tell: Tell): Content {
  const template = textOf(value.content);
  if (template === undefined) {
    tell(`file ${path} is a template, and its content is not text: take template away, or give it text`);
    return value;
  }
  const given = (name: string): string | undefined => {
    const variable = variableOf(name);
    if (variable !== undefined) return Object.hasOwn(env, variable) ? env[variable] : undefined;
    return Object.hasOwn(own, name) ? own[name as keyof OwnFields] : undefined;
  };
  const names = namesIn(template);
  for (const name of names) {
    if (name === undefined) tell(`file ${path} has \${ without an end: write $\${ where no reference is meant`);
    else if (given(name) === undefined)
      tell(
        `file ${path} has ${shown(name, value)}, which it is not given: give it, or write $\${ where no reference is meant`,
      );
  }
  const content = fill(template, (name) => given(name) ?? '');
  if (content === undefined) tell(`file ${path} would be larger than 1 MiB; make it smaller`);
  const secret = value.secret || names.some((name) => secrets.has(variableOf(name ?? '') ?? ''));
  return { content: content ?? '', digest: digest(content ?? ''), secret };
}

/** What is no name, or stands in a secret, is nobody's to read. */
const shown = (name: string, { secret }: Value): string =>
  !secret && /^[A-Za-z_][A-Za-z0-9_.-]{0,99}$/.test(name) ? `\${${name}}` : 'a ${…}';

/** A secret is for one reader alone, where nothing else is said. */
function accessOf(file: ConfigFile, secret: boolean, user = ''): Pick<FileContent, 'mode' | 'uid' | 'gid'> {
  const [uid, gid] = /^(\d+)(?::(\d+))?$/.exec(user)?.slice(1) ?? [];
  return {
    mode: Number.parseInt(file.mode ?? (secret ? '0400' : '0444'), 8),
    uid: file.uid ?? Number(uid ?? 0),
    gid: file.gid ?? Number(gid ?? 0),
  };
}
