/** As S3 orders keys: a text's bytes in UTF-8 have the order of its code points; JavaScript's own order is another one. */
export const compareKeys = (a: string, b: string): number => Buffer.compare(Buffer.from(a), Buffer.from(b));
