import type { Resource } from '../api/metadata.ts';
import { StatusError } from '../base/errors.ts';
import { own } from '../base/own.ts';

export type Selector = (resource: Resource) => boolean;

const bad = (what: string, text: string, hint: string) =>
  new StatusError('BadRequest', `${what} "${text}" cannot be read: ${hint}`);

const NAME = '[A-Za-z0-9][A-Za-z0-9._/-]*';
const EQUALITY = new RegExp(`^(${NAME})\\s*(==|=|!=)\\s*([A-Za-z0-9._-]*)$`);
const SET = new RegExp(`^(${NAME})\\s+(in|notin)\\s+\\(([^)]*)\\)$`);
const EXISTS = new RegExp(`^(!?)\\s*(${NAME})$`);
/** Longest selector that is read, and the most requirements in one: hostile ones cost time for each object. */
const LONGEST = 8192;
const MOST = 64;
/** Characters of one that cannot be read that are told back. */
const SHOWN = 256;

/** Throws BadRequest for one that is too long, or has too many parts. */
function partsOf(what: string, text: string, split: (text: string) => string[]): string[] {
  const isTooLong = text.length > LONGEST;
  const parts = isTooLong ? [] : split(text);
  if (!isTooLong && parts.length <= MOST) return parts;
  const bound = isTooLong ? `it is longer than ${LONGEST} characters` : `it has more than ${MOST} requirements`;
  throw bad(what, `${text.slice(0, 32)}…`, bound);
}

/** Kubernetes' label selectors: `a=b,c!=d,e in (f,g),h notin (i),j,!k`. */
export function labelSelector(text: string | undefined): Selector {
  if (!text?.trim()) return () => true;
  const requirements = partsOf('labelSelector', text, splitOutsideParentheses).map(requirement);
  return ({ metadata }) => requirements.every((holds) => holds(metadata.labels ?? {}));
}

function requirement(text: string): (labels: Record<string, string>) => boolean {
  const equality = EQUALITY.exec(text);
  if (equality) {
    const [, key = '', operator, value = ''] = equality;
    return (labels) => (own(labels, key) === value) === (operator !== '!=');
  }
  const set = SET.exec(text);
  if (set) {
    const [, key = '', operator, list = ''] = set;
    const values = list.split(',').map((v) => v.trim());
    return (labels) => values.includes(own(labels, key) ?? '\0') === (operator === 'in');
  }
  const exists = EXISTS.exec(text);
  if (!exists)
    throw bad(
      'labelSelector',
      text.slice(0, SHOWN),
      'expected key=value, key!=value, key in (a,b), key notin (a,b), key or !key',
    );
  const [, not, key = ''] = exists;
  return (labels) => Object.hasOwn(labels, key) === (not === '');
}

function splitOutsideParentheses(text: string): string[] {
  const parts: string[] = [];
  let [begin, isInside] = [0, false];
  for (let at = 0; at < text.length; at++) {
    if (text[at] === '(') isInside = true;
    if (text[at] === ')') isInside = false;
    if (text[at] !== ',' || isInside) continue;
    parts.push(text.slice(begin, at).trim());
    begin = at + 1;
  }
  return [...parts, text.slice(begin).trim()];
}

/** Both of a query's. */
export function selectorIn(query: Readonly<Record<string, string | undefined>>): Selector {
  const [byLabel, byField] = [labelSelector(query['labelSelector']), fieldSelector(query['fieldSelector'])];
  return (resource) => byLabel(resource) && byField(resource);
}

/** `metadata.name=web,status.phase!=Running`: any scalar field of the document, by its path. */
export function fieldSelector(text: string | undefined): Selector {
  const pairs = fieldPairs(text);
  return (resource) => pairs.every(({ path, value, equal }) => (textOf(read(resource, path)) === value) === equal);
}

/** Selectors compare scalars; a list or a mapping equals nothing. */
const textOf = (value: unknown): string | undefined => {
  if (value === undefined || value === null) return '';
  return typeof value === 'object' ? undefined : `${value as string | number | boolean}`;
};

export interface FieldPair {
  path: string;
  value: string;
  equal: boolean;
}

export function fieldPairs(text: string | undefined): FieldPair[] {
  if (!text?.trim()) return [];
  return partsOf('fieldSelector', text, (whole) => whole.split(',')).map((part) => {
    const match = /^([A-Za-z0-9.]+)\s*(==|=|!=)(.*)$/s.exec(part.trim());
    if (!match) throw bad('fieldSelector', part.slice(0, SHOWN), 'expected field=value or field!=value');
    return { path: match[1] ?? '', value: match[3]?.trim() ?? '', equal: match[2] !== '!=' };
  });
}

function read(value: unknown, path: string): unknown {
  return path
    .split('.')
    .reduce<unknown>(
      (node, key) =>
        typeof node === 'object' && node !== null && Object.hasOwn(node, key)
          ? (node as Record<string, unknown>)[key]
          : undefined,
      value,
    );
}
