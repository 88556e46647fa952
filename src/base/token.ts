import { randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';

/** What every key begins with: by it, and by the checksum at its end, scanners for secrets find one. */
export const TOKEN_PREFIX = 'maws_';

const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
/** Digits to the base 62 that 256 bits take, and 32. */
const [SECRET_DIGITS, CHECKSUM_DIGITS] = [43, 6];
const FORM = /^maws_([0-9A-Za-z]{43})([0-9A-Za-z]{6})$/;

/** 256 bits, so that a key can be found by its SHA-256 without a salt; then the CRC-32 of what comes before it. */
export function newToken(): string {
  const secret = digits(BigInt(`0x${randomBytes(32).toString('hex')}`), SECRET_DIGITS);
  return `${TOKEN_PREFIX}${secret}${checksumOf(secret)}`;
}

/** Whether it has the form of a key and a checksum of another one: copied in part, or with a wrong character. */
export function isMistyped(token: string): boolean {
  const [, secret = '', checksum] = FORM.exec(token) ?? [];
  return checksum !== undefined && checksum !== checksumOf(secret);
}

const checksumOf = (secret: string): string => digits(BigInt(crc32(secret)), CHECKSUM_DIGITS);

function digits(value: bigint, length: number): string {
  let text = '';
  for (let rest = value; text.length < length; rest /= 62n) text = `${DIGITS[Number(rest % 62n)]}${text}`;
  return text;
}
