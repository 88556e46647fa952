import type { Cause } from '../base/errors.ts';

/** A value in the specification that breaks a rule: `field` without `spec.`. */
export const invalid = (field: string, message: string): Cause => ({
  reason: 'FieldValueInvalid',
  field: `spec.${field}`,
  message,
});
