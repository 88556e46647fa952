import type { RawDocument } from '../../admission/admit.ts';
import type { Resource } from '../../api/metadata.ts';
import type { IgnoreRule } from './types.ts';

type Members = Readonly<Record<string, unknown>>;

/** The document with what is live in place of the fields that the sync shall leave alone. */
export function withIgnored(document: RawDocument, live: Resource, rules: readonly IgnoreRule[]): RawDocument {
  const pointers = rules.filter((rule) => isFor(rule, live)).flatMap(({ fields }) => fields);
  return pointers.reduce<RawDocument>((all, pointer) => taken(all, live, tokensOf(pointer)) as RawDocument, document);
}

const isFor = ({ kind, selector = {} }: IgnoreRule, { kind: ofKind, metadata }: Resource): boolean =>
  kind === ofKind && Object.entries(selector).every(([key, value]) => metadata.labels?.[key] === value);

const tokensOf = (pointer: string): string[] =>
  pointer
    .slice(1)
    .split('/')
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));

/** What is live at the path is in the answer, and what is not there is not. */
function taken(document: unknown, live: unknown, [token, ...rest]: readonly string[]): unknown {
  if (token === undefined) return live;
  if (Array.isArray(document) && Array.isArray(live)) {
    const at = Number(token);
    return document.map((item, i) => (i === at && i < live.length ? taken(item, live[i], rest) : (item as unknown)));
  }
  if (!isMembers(document)) return document;
  const there = isMembers(live) && Object.hasOwn(live, token);
  if (!there && rest.length === 0) return Object.fromEntries(Object.entries(document).filter(([key]) => key !== token));
  if (!there || (rest.length > 0 && !Object.hasOwn(document, token))) return document;
  return { ...document, [token]: taken(document[token], live[token], rest) };
}

const isMembers = (value: unknown): value is Members =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
