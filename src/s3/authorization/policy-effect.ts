import type { ConditionOperator, PolicyCondition, PolicyPrincipal, PolicyStatement } from '../../api/bucket-policy.ts';
import { isWithin } from '../../base/address-ranges.ts';
import { globMatches } from '../../base/glob.ts';

/** Who asks, as policies name them. */
interface PolicyAsker {
  /** The namespace that its key is of; `undefined`: nobody has signed it. */
  namespace: string | undefined;
  key: string | undefined;
  /** It is the bucket's: to allow the namespace something leaves it to the role of each of its keys. */
  isHome: boolean;
  /** A part of this cloud. */
  service?: string;
}

export interface PolicyQuestion {
  asker: PolicyAsker;
  /** Such as `s3:GetObject`. */
  action: string;
  /** `bucket`, or `bucket/key`. */
  resource: string;
  /** What a key of conditions, in small letters, has in this request. */
  values: (key: string) => readonly string[] | undefined;
}

/** What a policy says of it. What one statement denies no other allows; `undefined`: none speaks of it. */
export function effectOf(
  statements: readonly PolicyStatement[],
  question: PolicyQuestion,
): PolicyStatement['effect'] | undefined {
  const effects = new Set(statements.filter((each) => speaksOf(each, question)).map(({ effect }) => effect));
  return effects.has('Deny') ? 'Deny' : effects.has('Allow') ? 'Allow' : undefined;
}

function speaksOf(statement: PolicyStatement, { asker, action, resource, values }: PolicyQuestion): boolean {
  const { principals, actions, resources, conditions } = statement;
  const name = action.replace(/^s3:/, '').toLowerCase();
  return (
    principals.some((each) => isOf(each, asker, statement.effect)) !== statement.isNotPrincipal &&
    actions.some((pattern) => globMatches(pattern, name)) !== statement.isNotAction &&
    resources.some((pattern) => globMatches(pattern, resource)) !== statement.isNotResource &&
    conditions.every((condition) => holds(condition, values(condition.key)))
  );
}

function isOf(
  principal: PolicyPrincipal,
  { namespace, key, service, isHome }: PolicyAsker,
  effect: PolicyStatement['effect'],
): boolean {
  switch (principal.kind) {
    case 'anyone':
      return service === undefined;
    case 'namespace':
      return namespace === principal.namespace && !(isHome && effect === 'Allow');
    case 'key':
      return (principal.namespace === '' || namespace === principal.namespace) && key === principal.key;
    case 'service':
      return service === principal.service;
  }
}

const isNegative = (operator: ConditionOperator): boolean => operator.includes('Not');

/** Of several values in the condition one is enough, or, of a negative one, none may be there. */
function holds({ operator, ifExists, quantifier, values }: PolicyCondition, given: readonly string[] | undefined) {
  if (operator === 'Null') return values.some((value) => (value.toLowerCase() === 'true') === (given === undefined));
  if (given === undefined) return ifExists || isNegative(operator) || quantifier === 'all';
  const one = (text: string) =>
    isNegative(operator)
      ? values.every((value) => COMPARISONS[operator](text, value))
      : values.some((value) => COMPARISONS[operator](text, value));
  return quantifier === 'all' || (quantifier === undefined && isNegative(operator))
    ? given.every(one)
    : given.some(one);
}

type Comparison = (given: string, wanted: string) => boolean;
const not =
  (comparison: Comparison): Comparison =>
  (given, wanted) =>
    !comparison(given, wanted);
const same: Comparison = (given, wanted) => given === wanted;
const sameLetters: Comparison = (given, wanted) => given.toLowerCase() === wanted.toLowerCase();
const like: Comparison = (given, wanted) => globMatches(wanted, given);
const within: Comparison = (given, wanted) => isWithin(given, [wanted]);
const numeric =
  (comparison: (a: number, b: number) => boolean): Comparison =>
  (given, wanted) =>
    comparison(Number(given), Number(wanted));
/** Seconds since 1970, or ISO 8601. */
const timeOf = (text: string): number => (/^\d+$/.test(text) ? Number(text) * 1_000 : Date.parse(text));
const dated =
  (comparison: (a: number, b: number) => boolean): Comparison =>
  (given, wanted) =>
    comparison(timeOf(given), timeOf(wanted));
const [equal, less, lessOrEqual, greater, greaterOrEqual] = [
  (a: number, b: number) => a === b,
  (a: number, b: number) => a < b,
  (a: number, b: number) => a <= b,
  (a: number, b: number) => a > b,
  (a: number, b: number) => a >= b,
] as const;

const COMPARISONS: Readonly<Record<Exclude<ConditionOperator, 'Null'>, Comparison>> = {
  StringEquals: same,
  StringNotEquals: not(same),
  StringEqualsIgnoreCase: sameLetters,
  StringNotEqualsIgnoreCase: not(sameLetters),
  StringLike: like,
  StringNotLike: not(like),
  NumericEquals: numeric(equal),
  NumericNotEquals: not(numeric(equal)),
  NumericLessThan: numeric(less),
  NumericLessThanEquals: numeric(lessOrEqual),
  NumericGreaterThan: numeric(greater),
  NumericGreaterThanEquals: numeric(greaterOrEqual),
  DateEquals: dated(equal),
  DateNotEquals: not(dated(equal)),
  DateLessThan: dated(less),
  DateLessThanEquals: dated(lessOrEqual),
  DateGreaterThan: dated(greater),
  DateGreaterThanEquals: dated(greaterOrEqual),
  Bool: sameLetters,
  IpAddress: within,
  NotIpAddress: not(within),
  ArnEquals: like,
  ArnNotEquals: not(like),
  ArnLike: like,
  ArnNotLike: not(like),
};
