import { createDecipheriv } from 'node:crypto';
import type { Scalar } from 'yaml';

export type Plain = string | number | boolean;

/** A value, and the bytes by which SOPS counts it into the MAC of its file. */
export interface Counted {
  value: Plain;
  bytes: string;
}

const PREFIX = 'ENC[AES256_GCM,';
const FORM = /^ENC\[AES256_GCM,data:([A-Za-z0-9+/]+=*),iv:([A-Za-z0-9+/]+=*),tag:([A-Za-z0-9+/]+=*),type:([a-z]+)\]$/;
const TAG_BYTES = 16;

export const isCipherText = (value: unknown): value is string => typeof value === 'string' && value.startsWith(PREFIX);

/** `undefined` where it was not encrypted by this key at this place, or has no form that SOPS writes. */
export function decipher(text: string, key: Buffer, place: string): Counted | undefined {
  const [, data, iv, tag, type = ''] = FORM.exec(text) ?? [];
  if (data === undefined || iv === undefined || tag === undefined) return undefined;
  try {
    const decipherer = createDecipheriv('aes-256-gcm', key, Buffer.from(iv, 'base64'), { authTagLength: TAG_BYTES });
    decipherer.setAAD(Buffer.from(place));
    decipherer.setAuthTag(Buffer.from(tag, 'base64'));
    const plain = Buffer.concat([decipherer.update(Buffer.from(data, 'base64')), decipherer.final()]);
    return typed(plain.toString('utf8'), type);
  } catch {
    return undefined;
  }
}

function typed(text: string, type: string): Counted | undefined {
  switch (type) {
    case 'str':
    case 'bytes':
    case 'time':
      return { value: text, bytes: text };
    case 'int':
      return /^-?\d+$/.test(text) ? { value: Number(text), bytes: BigInt(text).toString() } : undefined;
    case 'float':
      return { value: Number(text), bytes: floatText(Number(text)) };
    case 'bool':
      return { value: /^true$/i.test(text), bytes: boolText(/^true$/i.test(text)) };
    default:
      return undefined;
  }
}

/** Of a value that is plain in the file; nothing is counted as nothing. */
export function plainBytes({ value, source = '' }: Scalar): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'boolean') return boolText(value);
  if (typeof value !== 'number') return '';
  // A number that JavaScript would round.
  return /^[-+]?\d+$/.test(source) ? BigInt(source).toString() : floatText(value);
}

const boolText = (value: boolean): string => (value ? 'True' : 'False');

/** The fewest digits that tell it from all others, without an exponent. */
function floatText(value: number): string {
  const [digits = '', exponent] = String(Object.is(value, -0) ? '-0' : value).split('e');
  if (exponent === undefined) return digits;
  const sign = digits.startsWith('-') ? '-' : '';
  const [whole = '', fraction = ''] = digits.replace('-', '').split('.');
  const point = whole.length + Number(exponent);
  const all = whole + fraction;
  if (point <= 0) return `${sign}0.${'0'.repeat(-point)}${all}`;
  return `${sign}${all.padEnd(point, '0').slice(0, point)}${all.length > point ? `.${all.slice(point)}` : ''}`;
}
