import type { JsonSchema } from '../../api/kind.ts';
import { DURATION_PATTERN } from '../../base/quantity.ts';

/** Fields that several kinds have. */

export const duration = (description: string, fallback: string): JsonSchema => ({
  ...durationWithoutDefault(description),
  default: fallback,
});

export const durationWithoutDefault = (description: string): JsonSchema => ({
  type: 'string',
  pattern: DURATION_PATTERN,
  maxLength: 32,
  'x-expected': 'a duration such as 500ms, 10s or 1m30s',
  'x-unit': 's',
  description,
});

export const port = (description: string): JsonSchema => ({ type: 'integer', minimum: 1, maximum: 65535, description });

export const strings = (description: string, maxItems: number): JsonSchema => ({
  type: 'array',
  maxItems,
  items: { type: 'string', maxLength: 32_768 },
  description,
});
