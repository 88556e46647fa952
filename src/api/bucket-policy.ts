import { globMatches } from '../base/glob.ts';

/** As IAM writes them: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html */
const VERSIONS = ['2012-10-17', '2008-10-17'];
/** S3's own bound on a bucket's policy, in bytes. */
const LARGEST = 20 << 10;

const OPERATORS = [
  'StringEquals',
  'StringNotEquals',
  'StringEqualsIgnoreCase',
  'StringNotEqualsIgnoreCase',
  'StringLike',
  'StringNotLike',
  'NumericEquals',
  'NumericNotEquals',
  'NumericLessThan',
  'NumericLessThanEquals',
  'NumericGreaterThan',
  'NumericGreaterThanEquals',
  'DateEquals',
  'DateNotEquals',
  'DateLessThan',
  'DateLessThanEquals',
  'DateGreaterThan',
  'DateGreaterThanEquals',
  'Bool',
  'IpAddress',
  'NotIpAddress',
  'ArnEquals',
  'ArnNotEquals',
  'ArnLike',
  'ArnNotLike',
  'Null',
] as const;
export type ConditionOperator = (typeof OPERATORS)[number];

/** One line of a statement's Condition. */
export interface PolicyCondition {
  operator: ConditionOperator;
  /** Holds, too, where the request has no such value. */
  ifExists: boolean;
  /** Of a key with several values: `any` of them, or `all`. */
  quantifier: 'any' | 'all' | undefined;
  /** In small letters: names of keys are. */
  key: string;
  values: readonly string[];
}

/** Whom a statement speaks of: `*`, the keys of a namespace, one key of it, or a part of this cloud. */
export type PolicyPrincipal =
  | { kind: 'anyone' }
  | { kind: 'namespace'; namespace: string }
  | { kind: 'key'; namespace: string; key: string }
  | { kind: 'service'; service: string };

export interface PolicyStatement {
  effect: 'Allow' | 'Deny';
  principals: readonly PolicyPrincipal[];
  /** It speaks of all but those. */
  isNotPrincipal: boolean;
  actions: readonly string[];
  isNotAction: boolean;
  /** Without what stands before the bucket: `bucket`, `bucket/*`. */
  resources: readonly string[];
  isNotResource: boolean;
  conditions: readonly PolicyCondition[];
}

/** What is wrong with a policy, and where: `Statement[0].Effect`. */
export class PolicyError extends Error {
  override readonly name = 'PolicyError';
  readonly at: string;

  constructor(at: string, message: string) {
    super(message);
    this.at = at;
  }
}

/** The statements of a bucket's policy. Throws PolicyError. */
export function parsePolicy(policy: unknown, bucket: string): readonly PolicyStatement[] {
  const { Version: version, Id: id, Statement: statement, ...rest } = mapping('', policy);
  if (Buffer.byteLength(JSON.stringify(policy)) > LARGEST)
    throw new PolicyError('', `a policy has at most ${LARGEST} bytes`);
  refuseUnknown('', rest);
  if (version !== undefined && !VERSIONS.includes(version as string))
    throw new PolicyError('Version', `is one of ${VERSIONS.join(', ')}`);
  if (id !== undefined && typeof id !== 'string') throw new PolicyError('Id', 'is a text');
  const statements = Array.isArray(statement) ? statement : [statement];
  if (statements.length === 0) throw new PolicyError('Statement', 'has at least one');
  return statements.map((each, i) => statementOf(`Statement[${i}]`, each, bucket));
}

function statementOf(at: string, given: unknown, bucket: string): PolicyStatement {
  const {
    Sid: sid,
    Effect: effect,
    Principal: principal,
    NotPrincipal: notPrincipal,
    Action: action,
    NotAction: notAction,
    Resource: resource,
    NotResource: notResource,
    Condition: condition,
    ...rest
  } = mapping(at, given);
  refuseUnknown(at, rest);
  if (sid !== undefined && typeof sid !== 'string') throw new PolicyError(`${at}.Sid`, 'is a text');
  if (effect !== 'Allow' && effect !== 'Deny') throw new PolicyError(`${at}.Effect`, 'is Allow or Deny');
  one(at, 'Principal', principal, notPrincipal);
  one(at, 'Action', action, notAction);
  one(at, 'Resource', resource, notResource);
  if (effect === 'Allow' && notPrincipal !== undefined)
    throw new PolicyError(`${at}.NotPrincipal`, 'is for Deny alone: with Allow it would let in everybody else');
  return {
    effect,
    principals: principalsOf(`${at}.Principal`, principal ?? notPrincipal),
    isNotPrincipal: notPrincipal !== undefined,
    actions: texts(`${at}.Action`, action ?? notAction).map((text) => actionOf(`${at}.Action`, text)),
    isNotAction: notAction !== undefined,
    resources: texts(`${at}.Resource`, resource ?? notResource).map((text) =>
      resourceOf(`${at}.Resource`, text, bucket),
    ),
    isNotResource: notResource !== undefined,
    conditions: condition === undefined ? [] : conditionsOf(`${at}.Condition`, condition),
  };
}

function one(at: string, name: string, positive: unknown, negative: unknown): void {
  if ((positive === undefined) === (negative === undefined))
    throw new PolicyError(at, `has either ${name} or Not${name}`);
}

function principalsOf(at: string, given: unknown): readonly PolicyPrincipal[] {
  if (given === '*') return [{ kind: 'anyone' }];
  const { AWS: aws, CanonicalUser: canonical, Service: service, ...rest } = mapping(at, given);
  refuseUnknown(at, rest);
  const names = (name: string, value: unknown) => (value === undefined ? [] : texts(`${at}.${name}`, value));
  const found = [
    ...names('AWS', aws).map((text) => principalOf(`${at}.AWS`, text)),
    ...names('CanonicalUser', canonical).map((namespace) => ({ kind: 'namespace', namespace }) as const),
    ...names('Service', service).map((each) => ({ kind: 'service', service: each }) as const),
  ];
  if (found.length === 0) throw new PolicyError(at, 'names nobody');
  return found;
}

/** `*`, `NAMESPACE`, `arn:aws:iam::NAMESPACE:root`, or `arn:aws:iam::NAMESPACE:user/KEY`. */
function principalOf(at: string, text: string): PolicyPrincipal {
  if (text === '*') return { kind: 'anyone' };
  const [namespace = '', of = ''] = /^arn:[a-z-]{1,20}:iam::([^:]*):(.*)$/.exec(text)?.slice(1) ?? [text, 'root'];
  if (of === 'root' && /^[a-z0-9-]{1,63}$/.test(namespace)) return { kind: 'namespace', namespace };
  const key = /^user\/(.+)$/.exec(of)?.[1];
  if (key !== undefined) return { kind: 'key', namespace, key };
  throw new PolicyError(at, `"${text}" is nobody: arn:aws:iam::NAMESPACE:root, arn:aws:iam::NAMESPACE:user/KEY, or *`);
}

function actionOf(at: string, text: string): string {
  const name = /^s3:([A-Za-z*?]{1,64})$/i.exec(text)?.[1] ?? (text === '*' ? '*' : undefined);
  if (name === undefined) throw new PolicyError(at, `"${text}" is no action of S3, such as s3:GetObject`);
  return name.toLowerCase();
}

/** `arn:aws:s3:::BUCKET/KEY`, with any of the parts between empty. It must be about this bucket. */
function resourceOf(at: string, text: string, bucket: string): string {
  const path = text === '*' ? '*' : /^arn:[a-z-]{1,20}:s3:[^:]*:[^:]*:(.+)$/.exec(text)?.[1];
  if (path === undefined) throw new PolicyError(at, `"${text}" is no bucket, such as arn:aws:s3:::${bucket}/*`);
  const slash = path.indexOf('/');
  if (!globMatches(slash < 0 ? path : path.slice(0, slash), bucket))
    throw new PolicyError(at, `"${text}" is not about bucket ${bucket}`);
  return path;
}

function conditionsOf(at: string, given: unknown): PolicyCondition[] {
  return Object.entries(mapping(at, given)).flatMap(([name, keys]) => {
    const parts = /^(?:(ForAnyValue|ForAllValues):)?([A-Za-z]+?)(IfExists)?$/.exec(name);
    const operator = OPERATORS.find((each) => each.toLowerCase() === parts?.[2]?.toLowerCase());
    if (!parts || !operator) throw new PolicyError(`${at}.${name}`, 'is no operator of conditions');
    return Object.entries(mapping(`${at}.${name}`, keys)).map(([key, values]) => ({
      operator,
      ifExists: parts[3] !== undefined,
      quantifier: parts[1] === undefined ? undefined : parts[1] === 'ForAnyValue' ? ('any' as const) : ('all' as const),
      key: key.toLowerCase(),
      values: (Array.isArray(values) ? values : [values]).map((value) => {
        if (typeof value === 'object') throw new PolicyError(`${at}.${name}.${key}`, 'has texts');
        return String(value);
      }),
    }));
  });
}

function texts(at: string, given: unknown): readonly string[] {
  const all: readonly unknown[] = Array.isArray(given) ? given : [given];
  if (all.length === 0) throw new PolicyError(at, 'has at least one');
  return all.map((text) => {
    if (typeof text !== 'string' || text === '') throw new PolicyError(at, 'has texts');
    return text;
  });
}

function mapping(at: string, given: unknown): Readonly<Record<string, unknown>> {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) throw new PolicyError(at, 'is a mapping');
  return given as Record<string, unknown>;
}

function refuseUnknown(at: string, rest: object): void {
  const [name] = Object.keys(rest);
  if (name !== undefined) throw new PolicyError(at === '' ? name : `${at}.${name}`, 'is no member of a policy');
}

/** Conditions that say where a request comes from, or from whom: what they hold for is not everybody. */
const NARROWING = new Set([
  'aws:sourceip',
  'aws:sourcearn',
  'aws:sourceaccount',
  'aws:principalarn',
  'aws:principalaccount',
  'aws:username',
  'aws:userid',
]);

/** Whether it lets everybody do something. */
export const isPublicPolicy = (statements: readonly PolicyStatement[]): boolean =>
  statements.some(
    ({ effect, principals, conditions }) =>
      effect === 'Allow' &&
      principals.some(({ kind }) => kind === 'anyone') &&
      !conditions.some(({ key, operator }) => NARROWING.has(key) && !/Not|Null/.test(operator)),
  );
