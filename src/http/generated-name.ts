import { randomInt } from 'node:crypto';
import type { KindDefinition } from '../api/kind.ts';
import { StatusError } from '../base/errors.ts';

/** As Kubernetes': no vowels, so that no words come of it, and no digits that look like letters (apimachinery's util/rand). */
const ALPHABET = 'bcdfghjklmnpqrstvwxz2456789';
const RANDOM_CHARACTERS = 5;

/** `metadata.generateName` with five random characters behind it, where the body says no name. */
export function withGeneratedName(body: unknown, { names }: Pick<KindDefinition, 'names'>): unknown {
  const { metadata } = (body ?? {}) as { metadata?: { name?: unknown; generateName?: unknown } };
  const { name, generateName: base } = metadata ?? {};
  if (base === undefined || base === '' || (name !== undefined && name !== '')) return body;
  if (typeof base !== 'string') throw new StatusError('BadRequest', 'metadata.generateName: expected a text');
  const random = Array.from({ length: RANDOM_CHARACTERS }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');
  const kept = base.slice(0, names.maxLength - RANDOM_CHARACTERS);
  return { ...(body as object), metadata: { ...metadata, name: `${kept}${random}` } };
}
