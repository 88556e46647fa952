/** RFC 7386 merge patches and RFC 6902 JSON patches, as pure functions that hostile input cannot hurt. */
import { own } from '../../base/own.ts';
import jsonpatch from 'fast-json-patch';
import type { Operation } from 'fast-json-patch';
import { StatusError } from '../../base/errors.ts';
import { MAX_BYTES, MAX_DEPTH, checkJsonSize } from './bounds.ts';
import { isObject } from './structure.ts';

/** Kubernetes' limit for the operations of a JSON patch is 10,000; no document of ours has a tenth of the fields. */
const MAX_OPERATIONS = 1_000;

/** RFC 7386: null removes, objects merge, all else replaces. Shares the parts of `target` that the patch does not name. */
export function mergePatch<T extends object>(target: T, patch: unknown): T {
  checkJsonSize(patch, 'the merge patch');
  if (!isObject(patch)) throw invalid('a merge patch is an object such as {"spec":{"image":"nginx"}}');
  const result = mergeValue(target, patch) as T;
  checkJsonSize(result, 'the patched object');
  return result;
}

function mergeValue(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const out: Record<string, unknown> = isObject(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete out[name];
    else out[name] = mergeValue(own(out, name), value);
  }
  return out;
}

type Op = 'add' | 'remove' | 'replace' | 'move' | 'copy' | 'test';

interface Step {
  op: Op;
  path: string;
  from: string;
  value: unknown;
}

const OPS: readonly string[] = ['add', 'remove', 'replace', 'move', 'copy', 'test'];

/** RFC 6902. Throws a StatusError (Invalid) that names the operation; `target` and `operations` stay as they are. */
export function jsonPatch<T extends object>(target: T, operations: unknown): T {
  if (!Array.isArray(operations)) throw invalid('a JSON patch is a list of operations');
  if (operations.length > MAX_OPERATIONS)
    throw invalid(`a JSON patch has at most ${MAX_OPERATIONS} operations, not ${operations.length}`);
  checkJsonSize(operations, 'the JSON patch');
  const steps = operations.map(parseStep);
  let budget = MAX_BYTES;
  let document: unknown = structuredClone(target);
  steps.forEach((step, i) => {
    if (step.op === 'copy' || step.op === 'move')
      budget -= checkJsonSize(resolve(document, step, i), 'what the JSON patch copies and moves', budget);
    document = takeStep(document, step, i);
  });
  if (!isObject(document)) throw invalid('the JSON patch leaves no object');
  checkJsonSize(document, 'the patched object');
  return document as T;
}

function parseStep(operation: unknown, i: number): Step {
  if (!isObject(operation)) throw invalid(`operation ${i} of the JSON patch is not an object`);
  const { op, path, from, value } = operation;
  if (typeof op !== 'string' || !OPS.includes(op))
    throw invalid(`operation ${i} of the JSON patch: op must be one of ${OPS.join(', ')}`);
  const needsFrom = op === 'move' || op === 'copy';
  if (!needsFrom && op !== 'remove' && value === undefined)
    throw invalid(`operation ${i} (${op}) of the JSON patch has no value`);
  checkPointer(path, 'path', i);
  if (needsFrom) checkPointer(from, 'from', i);
  return { op: op as Op, path: path as string, from: needsFrom ? (from as string) : '', value: structuredClone(value) };
}

/** Refuses pointers to what every JavaScript object inherits: the library would follow them into the prototype. */
function checkPointer(pointer: unknown, name: string, i: number): void {
  if (typeof pointer !== 'string' || (pointer !== '' && !pointer.startsWith('/'))) {
    throw invalid(`operation ${i} of the JSON patch: ${name} must be empty or start with /, such as /spec/image`);
  }
  const tokens = tokensOf(pointer);
  if (tokens.length > MAX_DEPTH) throw invalid(`operation ${i} of the JSON patch: ${name} is deeper than ${MAX_DEPTH}`);
  const inherited = tokens.find((token) => token in Object.prototype);
  if (inherited !== undefined)
    throw invalid(`operation ${i} of the JSON patch: ${name} may not contain "${inherited}"`);
}

const tokensOf = (pointer: string): string[] =>
  pointer
    .split('/')
    .slice(1)
    .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~'));

/** What `from` points at. Throws when there is nothing. */
function resolve(document: unknown, step: Step, i: number): unknown {
  let value = document;
  for (const token of tokensOf(step.from)) {
    if (Array.isArray(value)) value = /^(0|[1-9]\d*)$/.test(token) ? (value as unknown[])[Number(token)] : undefined;
    else value = isObject(value) ? own(value, token) : undefined;
  }
  if (value === undefined) throw failed(step, i, `nothing is at ${step.from}`);
  return value;
}

/** Moves and copies are taken as the removals and additions that they are, because only these are checked by the library. */
function takeStep(document: unknown, step: Step, i: number): unknown {
  const { op, path, from, value } = step;
  if (op === 'copy')
    return run(document, { op: 'add', path, value: structuredClone(resolve(document, step, i)) }, step, i);
  if (op !== 'move') return run(document, { op, path, value } as Operation, step, i);
  const moved = resolve(document, step, i);
  if (path === from) return document;
  if (path.startsWith(`${from}/`)) throw failed(step, i, `${from} cannot be moved into itself`);
  return run(run(document, { op: 'remove', path: from }, step, i), { op: 'add', path, value: moved }, step, i);
}

function run(document: unknown, operation: Operation, step: Step, i: number): unknown {
  try {
    return jsonpatch.applyOperation(document, operation, true, true, true, i).newDocument;
  } catch (error) {
    throw failed(step, i, WHY[(error as Error).name] ?? `nothing is at ${step.path}`, error);
  }
}

/** The library's own messages hold the whole document, secrets and all (I10), so only their names are used. */
const WHY: Readonly<Record<string, string>> = {
  TEST_OPERATION_FAILED: 'the value there is not the one given',
  OPERATION_PATH_CANNOT_ADD: 'the parent of the path does not exist; add it first',
  OPERATION_PATH_ILLEGAL_ARRAY_INDEX: 'an index of a list is a number, or - for its end',
  OPERATION_VALUE_OUT_OF_BOUNDS: 'the index is beyond the end of the list',
};

const failed = (step: Step, i: number, why: string, cause?: unknown): StatusError =>
  invalid(
    `operation ${i} of the JSON patch (${step.op} ${step.path}) failed: ${why}`,
    cause instanceof RangeError ? cause : undefined,
  );

const invalid = (message: string, cause?: unknown): StatusError =>
  new StatusError('Invalid', message, {
    causes: [{ reason: 'FieldValueInvalid', message }],
    ...(cause ? { cause } : {}),
  });
