import type { Digester } from '../objects.ts';
import { checkDigests, digestsToCheck } from '../wire/asked-checksum.ts';
import type { AskedChecksum } from '../wire/asked-checksum.ts';
import { Digests } from '../wire/checksums.ts';
import type { ChecksumAlgorithm, DigestAlgorithm } from '../wire/checksums.ts';

/** MD5 for the ETag, and the checksum that is kept. `check` looks at those that the content is compared by. */
export function digesterBy(
  kept: ChecksumAlgorithm | undefined,
  toCheck: readonly DigestAlgorithm[] = [],
  check: (digests: Digests) => void = () => undefined,
): Digester {
  const digests = new Digests(['MD5', ...toCheck, ...(kept ? [kept] : [])]);
  return {
    update: (chunk) => void digests.update(chunk),
    finish() {
      check(digests);
      const etag = digests.hex('MD5');
      return kept
        ? { etag, checksum: { algorithm: kept, type: 'FULL_OBJECT', value: digests.base64(kept) } }
        : { etag };
    },
  };
}

/** Of content of which something was said; trailers are known at its end. */
export const askedDigester = (
  asked: AskedChecksum,
  trailers: () => Readonly<Record<string, string>>,
  kept: ChecksumAlgorithm | undefined = asked.checksum?.algorithm,
): Digester => digesterBy(kept, digestsToCheck(asked), (digests) => checkDigests(asked, digests, trailers()));
