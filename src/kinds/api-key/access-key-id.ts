/** Of RFC 4648. */
const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
/** Amazon's have 20 characters, of which four tell what they are. */
const [PREFIX, CHARACTERS] = ['MAWS', 16];

/** The id by which S3's clients name a key: of the SHA-256 of its token, in hexadecimal. */
export function accessKeyIdOf(sha256: string): string {
  const bits = BigInt(`0x${sha256}`);
  const digits = Array.from({ length: CHARACTERS }, (_, i) => BASE32[Number((bits >> BigInt(251 - 5 * i)) & 31n)]);
  return `${PREFIX}${digits.join('')}`;
}
