import { XMLParser, XMLValidator } from 'fast-xml-parser';
import { S3Error } from './errors.ts';

/** What was read: an element without elements in it is its text. */
type XmlNode = string | XmlElement;
export interface XmlElement {
  readonly [name: string]: XmlNode | readonly XmlNode[];
}

export interface XmlRules {
  /** The name that the root must have. */
  root: string;
  /** Elements that may come more than once: always an array, when there is one. `Parent.Name` means it there alone. */
  lists?: readonly string[];
  /** At most so many bytes. */
  maxBytes?: number;
  /** At most so many elements. */
  maxElements?: number;
  /** At most so deep. */
  maxDepth?: number;
}

/** Longer than any tag of S3's documents with its attributes. */
const LONGEST_TAG = 2_048;
const NAMED_CHARACTERS: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };

/**
 * The content of the root. Namespaces' prefixes are left off. Attributes (`@name`) are kept where the element has elements
 * in it. A document type, an entity of its own, and an element that is there twice and is no list are MalformedXML.
 */
export function parseXml(body: Buffer, rules: XmlRules): XmlElement {
  const { root, maxBytes = 1 << 20, maxElements = 10_000, maxDepth = 16 } = rules;
  if (body.length > maxBytes) throw new S3Error('MaxMessageLengthExceeded');
  const text = decoded(body);
  // An element has a tag at its beginning and one at its end; comments count, too.
  const tags = text.split('<', 2 * maxElements + 2);
  if (tags.length > 2 * maxElements + 1 || tags.some(isTooLong)) throw malformed();
  if (/<!(?:DOCTYPE|ENTITY)/i.test(text) || !text.trimEnd().endsWith('>')) throw malformed();
  const parsed = parsedNodes(text, maxDepth).filter((node) => !('#text' in node));
  const [first] = parsed;
  if (first === undefined || parsed.length > 1 || nameOf(first) !== root) throw malformed();
  const content = valueOf(first, root, new Set(rules.lists));
  if (typeof content !== 'string') return content;
  if (content.trim() !== '') throw malformed();
  return {};
}

/** Its attributes would take the library long. A comment and a CDATA section may have any length. */
const isTooLong = (tag: string): boolean =>
  tag.length > LONGEST_TAG && !/^[!?]/.test(tag) && tag.lastIndexOf('>', LONGEST_TAG) === -1;

const malformed = (cause?: unknown): S3Error => new S3Error('MalformedXML', cause === undefined ? {} : { cause });

function decoded(body: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(body);
  } catch (error) {
    throw malformed(error);
  }
}

/** As the library gives nodes in their order: a name with the nodes in it, `:@` with the attributes. */
interface ParsedNode {
  readonly '#text'?: string;
  readonly ':@'?: Readonly<Record<string, string>>;
  readonly [name: string]: readonly ParsedNode[] | string | Readonly<Record<string, string>> | undefined;
}

function parsedNodes(text: string, maxDepth: number): ParsedNode[] {
  const parser = new XMLParser({
    preserveOrder: true,
    ignoreAttributes: false,
    attributeNamePrefix: '',
    cdataPropName: '#cdata',
    parseTagValue: false,
    trimValues: false,
    removeNSPrefix: true,
    ignoreDeclaration: true,
    ignorePiTags: true,
    processEntities: false,
    maxNestedTags: maxDepth,
  });
  try {
    // The parser first: it ends at a depth, where the validator goes on.
    const nodes = parser.parse(text) as ParsedNode[];
    if (XMLValidator.validate(text) !== true) throw malformed();
    return nodes;
  } catch (error) {
    throw error instanceof S3Error ? error : malformed(error);
  }
}

const nameOf = (node: ParsedNode): string => Object.keys(node).find((key) => key !== ':@') ?? '';
const childrenOf = (node: ParsedNode): readonly ParsedNode[] => node[nameOf(node)] as readonly ParsedNode[];

function valueOf(node: ParsedNode, name: string, lists: ReadonlySet<string>): XmlNode {
  const children = childrenOf(node);
  const elements = children.filter((child) => !nameOf(child).startsWith('#'));
  if (elements.length === 0) return children.map(textOf).join('');
  const found = new Map<string, XmlNode | XmlNode[]>();
  for (const [key, value] of Object.entries(node[':@'] ?? {})) found.set(`@${key}`, withoutReferences(value));
  for (const child of elements) {
    const childName = nameOf(child);
    const value = valueOf(child, childName, lists);
    const known = found.get(childName);
    if (Array.isArray(known)) known.push(value);
    else if (known !== undefined) throw malformed();
    else found.set(childName, lists.has(childName) || lists.has(`${name}.${childName}`) ? [value] : value);
  }
  return Object.fromEntries(found);
}

function textOf(node: ParsedNode): string {
  if (node['#text'] !== undefined) return withoutReferences(node['#text']);
  // What a CDATA section holds means itself.
  return childrenOf(node)
    .map((child) => child['#text'] ?? '')
    .join('');
}

/** The five names of XML and numbers alone: any other reference names an entity, and there are none. */
const withoutReferences = (text: string): string =>
  text.replace(/&([^;&]{0,10})(;?)/g, (_, name: string, end: string) => {
    const number = /^#(?:x([0-9a-fA-F]{1,6})|([0-9]{1,7}))$/.exec(name);
    const character = number ? characterOf(number[1], number[2]) : NAMED_CHARACTERS[name];
    if (character === undefined || end === '') throw malformed();
    return character;
  });

function characterOf(hexadecimal: string | undefined, decimal: string | undefined): string | undefined {
  const code = hexadecimal === undefined ? Number(decimal) : Number.parseInt(hexadecimal, 16);
  return code <= 0x10_ff_ff ? String.fromCodePoint(code) : undefined;
}
