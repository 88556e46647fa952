/** Who may do what, in the terms of Kubernetes' RBAC. Everything here is pure. */

/** In a rule: all of them. */
export const ALL = '*';

export const READ_VERBS = ['get', 'list', 'watch'] as const;
const WRITE_VERBS = ['create', 'update', 'patch', 'delete', 'deletecollection'] as const;
export type Verb = (typeof READ_VERBS)[number] | (typeof WRITE_VERBS)[number];
export const VERBS: readonly Verb[] = [...READ_VERBS, ...WRITE_VERBS];

/** To act in the name of somebody: of `users`, by their names. */
export const IMPERSONATE = 'impersonate';

/** What one key may do: each of the verbs on each of the resources. */
export interface PolicyRule {
  verbs: readonly string[];
  /** Plurals, such as `instances`; `instances/exec`, `instances/*` and `* /scale` (without the space) for subresources; `*` for everything. */
  resources: readonly string[];
  /** Left out: in every namespace, and what is in none. */
  namespaces?: readonly string[];
  /** Names of objects; left out: of any name. */
  resourceNames?: readonly string[];
}

/** What a request asks for. */
export interface Attributes {
  verb: string;
  /** Plural. */
  resource: string;
  /** Empty when the object itself is meant. */
  subresource: string;
  /** Empty for what is in no namespace, and for all of them. */
  namespace: string;
  /** Empty where the request names none. */
  name: string;
}

/** Where an object stands: a namespace counts as being in itself. */
type Place = Pick<Attributes, 'namespace' | 'name'>;

/** Of the kind that all others are in: in paths it stands before the name of one. */
export const NAMESPACES = 'namespaces';

/** A namespace is in itself: who may do something in it may do so with it. */
export const placed = (resource: string, namespace: string, name: string): Place => ({
  namespace: resource === NAMESPACES ? name : namespace,
  name,
});

/** Which objects a list may show: all of those it asks for, or those for which this holds. */
export type Visible = 'all' | ((place: Place) => boolean);

export interface Access {
  allows(asked: Attributes): boolean;
  /** Of a list, watch or other request about many; `undefined`: it may see none, whatever there is. */
  visible(asked: Omit<Attributes, 'name'>): Visible | undefined;
  /** Namespaces that a list may show some of; `undefined` where they are not all named. */
  namespaces(asked: Pick<Attributes, 'verb' | 'resource' | 'subresource'>): readonly string[] | undefined;
  readonly rules: readonly PolicyRule[];
}

interface Matcher {
  verbs: ReadonlySet<string>;
  resources: ReadonlySet<string>;
  namespaces: ReadonlySet<string> | undefined;
  names: ReadonlySet<string> | undefined;
}

export function accessOf(rules: readonly PolicyRule[]): Access {
  const matchers = rules.map(matcherOf);
  const about = (asked: Pick<Attributes, 'verb' | 'resource' | 'subresource'>) => {
    const words = wordsFor(asked);
    return matchers.filter((m) => hasVerb(m, asked.verb) && words.some((word) => m.resources.has(word)));
  };
  return {
    rules,
    allows(asked) {
      const words = wordsFor(asked);
      return matchers.some(
        (m) => hasVerb(m, asked.verb) && isAt(m, asked) && words.some((word) => m.resources.has(word)),
      );
    },
    visible(asked) {
      const { namespace } = asked;
      const rest = about(asked).filter((m) => namespace === '' || !m.namespaces || m.namespaces.has(namespace));
      if (rest.length === 0) return undefined;
      if (rest.some((m) => m.names === undefined && (m.namespaces === undefined || namespace !== ''))) return 'all';
      return (place) => rest.some((m) => isAt(m, place));
    },
    namespaces(asked) {
      const rest = about(asked);
      return rest.some((m) => m.namespaces === undefined)
        ? undefined
        : [...new Set(rest.flatMap((m) => [...(m.namespaces ?? [])]))];
    },
  };
}

const matcherOf = (rule: PolicyRule): Matcher => ({
  verbs: new Set(rule.verbs),
  resources: new Set(rule.resources),
  namespaces: rule.namespaces && !rule.namespaces.includes(ALL) ? new Set(rule.namespaces) : undefined,
  names: rule.resourceNames && new Set(rule.resourceNames),
});

const hasVerb = ({ verbs }: Matcher, verb: string): boolean => verbs.has(verb) || verbs.has(ALL);

const isAt = ({ namespaces, names }: Matcher, { namespace, name }: Place): boolean =>
  (namespaces === undefined || namespaces.has(namespace)) && (names === undefined || names.has(name));

/** Each way in which a rule may name what is asked for. */
const wordsFor = ({ resource, subresource }: Pick<Attributes, 'resource' | 'subresource'>): readonly string[] =>
  subresource === ''
    ? [ALL, resource]
    : [ALL, `${resource}/${subresource}`, `${ALL}/${subresource}`, `${resource}/${ALL}`, `${ALL}/${ALL}`];

/**
 * The first thing that the wanted rules allow and the own ones do not; `undefined`: nobody who has the own ones gains
 * anything by them. What one rule says at once must be within one rule, as in Kubernetes.
 */
export function firstNotCovered(wanted: readonly PolicyRule[], own: readonly PolicyRule[]): PolicyRule | undefined {
  const matchers = own.map(matcherOf);
  return wanted.flatMap(atomsOf).find((atom) => !matchers.some((m) => covers(m, atom)));
}

interface Atom extends PolicyRule {
  verbs: readonly [string];
  resources: readonly [string];
}

function atomsOf({ verbs, resources, namespaces, resourceNames }: PolicyRule): Atom[] {
  const anywhere = namespaces === undefined || namespaces.includes(ALL);
  const places = anywhere ? [{}] : namespaces.map((namespace) => ({ namespaces: [namespace] }));
  const names = resourceNames === undefined ? [{}] : resourceNames.map((name) => ({ resourceNames: [name] }));
  return verbs.flatMap((verb) =>
    resources.flatMap((resource) =>
      places.flatMap((place) =>
        names.map((name) => ({ verbs: [verb], resources: [resource], ...place, ...name }) as const),
      ),
    ),
  );
}

function covers(m: Matcher, { verbs: [verb], resources: [word], namespaces, resourceNames }: Atom): boolean {
  const within = (set: ReadonlySet<string> | undefined, values: readonly string[] | undefined) =>
    set === undefined || (values !== undefined && values.every((value) => set.has(value)));
  const [resource = '', subresource = ''] = word.split('/');
  return (
    hasVerb(m, verb) &&
    (m.resources.has(word) || wordsFor({ resource, subresource }).some((each) => m.resources.has(each))) &&
    within(m.namespaces, namespaces) &&
    within(m.names, resourceNames)
  );
}

/** `get instances/log in namespace shop`: a rule of one thing, in words. */
export const ruleText = ({ verbs, resources, namespaces, resourceNames }: PolicyRule): string =>
  [
    `${verbs.join(',')} ${resources.join(',')}`,
    resourceNames && `named ${resourceNames.join(',')}`,
    namespaces && `in namespace ${namespaces.join(',')}`,
  ]
    .filter((part) => part !== undefined)
    .join(' ');
