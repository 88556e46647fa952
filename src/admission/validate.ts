import { Ajv } from 'ajv';
import type { ErrorObject, ValidateFunction } from 'ajv';
import { LABEL_VALUE, QUALIFIED } from '../api/label-patterns.ts';
import { nearest } from '../api/registry.ts';
import type { JsonSchema, KindDefinition } from '../api/kind.ts';
import type { Cause } from '../base/errors.ts';
import { memoised } from '../base/memoised.ts';
import { childSchema } from './fields/structure.ts';
import { formatPath, fromPointer } from './path.ts';
import type { Segment } from './path.ts';
import { unknownField } from './unknown-field.ts';

/** A DNS label: what a name becomes on its network. */
const LABEL = '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$';
/** A DNS subdomain (RFC 1123): labels with dots between them. */
const SUBDOMAIN = '^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$';

const name = ({ are, maxLength }: KindDefinition['names']): JsonSchema => ({
  type: 'string',
  minLength: 1,
  maxLength,
  pattern: are === 'label' ? LABEL : SUBDOMAIN,
  'x-expected': `lower-case letters, digits${are === 'label' ? '' : ', "."'} and "-", beginning and ending with a letter or digit`,
});

const text: JsonSchema = { type: 'string' };

/** Metadata as it may be sent. What the server sets is accepted and ignored, as Kubernetes does. */
const metadataSchema = ({ names, scope }: KindDefinition): JsonSchema => ({
  type: 'object',
  additionalProperties: false,
  required: ['name'],
  properties: {
    name: name(names),
    ...(scope === 'Namespaced' ? { namespace: name({ are: 'label', maxLength: 63 }) } : {}),
    labels: {
      type: 'object',
      maxProperties: 64,
      propertyNames: { pattern: QUALIFIED, 'x-expected': 'a label key such as app or example.com/team' },
      additionalProperties: {
        type: 'string',
        maxLength: 63,
        pattern: LABEL_VALUE,
        'x-expected': 'at most 63 letters, digits, "-", "_" and "."',
      },
    },
    annotations: {
      type: 'object',
      maxProperties: 256,
      propertyNames: { pattern: QUALIFIED, 'x-expected': 'an annotation key such as example.com/owner' },
      additionalProperties: { type: 'string', maxLength: 262_144 },
    },
    finalizers: { type: 'array', maxItems: 16, items: { type: 'string', maxLength: 253 } },
    ownerReferences: {
      type: 'array',
      maxItems: 16,
      items: {
        type: 'object',
        additionalProperties: false,
        required: ['apiVersion', 'kind', 'name', 'uid'],
        properties: {
          apiVersion: text,
          kind: text,
          name: text,
          uid: text,
          controller: { type: 'boolean' },
          blockOwnerDeletion: { type: 'boolean' },
        },
      },
    },
    uid: text,
    resourceVersion: text,
    generation: { type: 'integer' },
    creationTimestamp: {},
    deletionTimestamp: {},
    deletionGracePeriodSeconds: {},
    selfLink: text,
    generateName: text,
    managedFields: { type: 'array', maxItems: 256, items: { type: 'object' } },
  },
});

/** The schema of a whole document of the kind. */
const documentSchemaOf = (kind: KindDefinition): JsonSchema => ({
  type: 'object',
  additionalProperties: false,
  required: ['apiVersion', 'kind', 'metadata', ...('spec' in kind.content ? ['spec'] : [])],
  properties: {
    apiVersion: { const: kind.apiVersion },
    kind: { const: kind.kind },
    metadata: metadataSchema(kind),
    ...kind.content,
    status: { type: 'object' },
  },
});

const ajv = new Ajv({ allErrors: true, useDefaults: true, strict: false, verbose: true, ownProperties: true });
const validatorOf = memoised((kind: KindDefinition) => ajv.compile(documentSchemaOf(kind)));

/** What every kind's status has; a condition of another form would stop whoever reads it. */
const commonStatus: Record<string, JsonSchema> = {
  observedGeneration: { type: 'integer' },
  conditions: {
    type: 'array',
    maxItems: 64,
    items: {
      type: 'object',
      required: ['type', 'status'],
      properties: {
        type: text,
        status: { type: 'string', enum: ['True', 'False', 'Unknown'] },
        observedGeneration: { type: 'integer' },
        lastTransitionTime: text,
        reason: text,
        message: text,
      },
    },
  },
};
const statusValidatorOf = memoised((kind: KindDefinition) => {
  const status = { ...kind.status, type: 'object', properties: { ...kind.status.properties, ...commonStatus } };
  return ajv.compile({ type: 'object', properties: { status } });
});

/** No more is told than a person reads. */
const MAX_CAUSES = 50;
/** So many errors may come to one cause: each branch of an anyOf has its own. Only those that can be told are worded. */
const ALIKE = 8;

/**
 * Fills defaults in place and says what is wrong. A field that the schema does not know is `FieldValueUnknown`, so
 * that the caller can refuse it, warn of it or drop it (Kubernetes' fieldValidation): who drops asks for all of them.
 */
export function validate(kind: KindDefinition, document: Record<string, unknown>, most = MAX_CAUSES): Cause[] {
  return causesOf(validatorOf(kind), document, most);
}

/** Whether `document.status` has the form that its readers rely on. */
export const validateStatus = (kind: KindDefinition, document: Record<string, unknown>): Cause[] =>
  causesOf(statusValidatorOf(kind), document, MAX_CAUSES);

function causesOf(validator: ValidateFunction, document: Record<string, unknown>, most: number): Cause[] {
  if (validator(document)) return [];
  const errors = (validator.errors ?? []).filter((e) => !['oneOf', 'anyOf', 'if', 'propertyNames'].includes(e.keyword));
  const root = validator.schema as JsonSchema;
  const causes = ofRightForm(errors.slice(0, ALIKE * most)).map((error) => toCause(error, document, root));
  const unique = new Map(causes.map((cause) => [`${cause.field} ${cause.message}`, cause]));
  return [...unique.values()].slice(0, most);
}

/**
 * Of the forms that an anyOf allows, those of another type than the value has say nothing of what is wrong with it. Where
 * all are of another type, the first one speaks for all.
 */
function ofRightForm(errors: readonly ErrorObject[]): ErrorObject[] {
  const formOf = ({ schemaPath }: ErrorObject) => /^(.*\/anyOf\/)(\d+)\//.exec(schemaPath);
  const wrong = new Set(
    errors.flatMap((e) => (/\/anyOf\/\d+\/type$/.test(e.schemaPath) ? [`${formOf(e)?.[0]} ${e.instancePath}`] : [])),
  );
  const isWrong = (e: ErrorObject) => wrong.has(`${formOf(e)?.[0]} ${e.instancePath}`);
  return errors.filter((error) => {
    if (!isWrong(error)) return true;
    const forms = formOf(error)?.[1] ?? '';
    const isRight = (e: ErrorObject) =>
      formOf(e)?.[1] === forms && e.instancePath.startsWith(error.instancePath) && !isWrong(e);
    return error.keyword === 'type' && formOf(error)?.[2] === '0' && !errors.some(isRight);
  });
}

function toCause(error: ErrorObject, document: unknown, root: JsonSchema): Cause {
  const at = fromPointer(error.instancePath, document);
  const invalid = (message: string, extra?: string): Cause => ({
    reason: 'FieldValueInvalid',
    field: formatPath(extra === undefined ? at : [...at, extra]),
    message,
  });
  const schema = error.parentSchema as JsonSchema | undefined;
  const found = shown(error.data, isSensitive(root, at));
  switch (error.keyword) {
    case 'required':
      return {
        reason: 'FieldValueRequired',
        field: formatPath([...at, String(error.params['missingProperty'])]),
        message: 'is required',
      };
    case 'additionalProperties': {
      const field = String(error.params['additionalProperty']);
      return {
        reason: 'FieldValueUnknown',
        field: formatPath([...at, field]),
        message: unknownField(field, schema, { document: root, at }),
      };
    }
    case 'type':
      return { ...invalid(wrongType(error, schema, found)), reason: 'FieldValueTypeInvalid' };
    case 'enum': {
      const values = (schema?.enum ?? []).map(String);
      const near = typeof error.data === 'string' ? nearest(error.data, values) : undefined;
      return {
        ...invalid(`expected one of ${values.join(', ')}; found ${found}${near ? `; did you mean "${near}"?` : ''}`),
        reason: 'FieldValueNotSupported',
      };
    }
    case 'const':
      return invalid(`expected ${shown(error.params['allowedValue'])}, found ${found}`);
    case 'pattern':
      return error.propertyName === undefined
        ? invalid(`expected ${expected(schema)}, found ${found}`)
        : invalid(`the key is not ${expected(schema)}`, error.propertyName);
    case 'minimum':
    case 'maximum':
      return invalid(
        `must be ${error.keyword === 'minimum' ? 'at least' : 'at most'} ${String(error.params['limit'])}, found ${found}`,
      );
    default:
      return error.propertyName === undefined
        ? invalid(error.message ?? 'is not valid')
        : invalid(`the key ${error.message ?? 'is not valid'}`, error.propertyName);
  }
}

function wrongType(error: ErrorObject, schema: JsonSchema | undefined, found: string): string {
  const unit = schema?.['x-unit'];
  if (unit !== undefined && typeof error.data === 'number')
    return `expected ${expected(schema)}, found ${found}; write "${found}${unit}"`;
  const mapping = schema?.type === 'object' ? schema['x-expected'] : undefined;
  return `expected ${mapping ?? article(String(error.params['type']))}, found ${found}`;
}

const expected = (schema: JsonSchema | undefined): string =>
  schema?.['x-expected'] ?? `text that matches ${schema?.pattern ?? ''}`;

const article = (type: string): string =>
  ({
    object: 'a mapping',
    array: 'a list',
    string: 'a string (put it in quotes)',
    number: 'a number',
    integer: 'a whole number',
    boolean: 'true or false',
  })[type] ?? type;

/** Whether the schema says that values there are nobody else's to read. */
function isSensitive(root: JsonSchema, at: readonly Segment[]): boolean {
  let schema: JsonSchema | undefined = root;
  for (const segment of at) {
    if (schema === undefined || schema['x-sensitive'] === true) break;
    schema = typeof segment === 'number' ? schema.items : childSchema(schema, segment);
  }
  return schema?.['x-sensitive'] === true;
}

/** Names the kind of value and shows a short one; never a long one, which might be a secret in the wrong place, nor one that is sensitive. */
function shown(value: unknown, secret = false): string {
  if (value === null || value === undefined) return 'nothing';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'a mapping';
  if (secret) return `a ${typeof value}`;
  const text = JSON.stringify(value);
  return text.length > 64 ? `a ${typeof value} of ${text.length} characters` : text;
}
