import { createHmac, timingSafeEqual } from 'node:crypto';

export const ALGORITHM = 'AWS4-HMAC-SHA256';

/** What a signature is valid for: one day, one region and one service. `20261129/eu-central-1/s3/aws4_request`. */
export interface Scope {
  date: string;
  region: string;
  service: string;
  terminator: string;
}

/** A key's id and the scope, as `Credential` names both. */
export interface Credential {
  accessKeyId: string;
  scope: Scope;
}

/** `undefined` unless it has the five parts; the key's id may have slashes in it. */
export function parseCredential(text: string): Credential | undefined {
  const parts = text.split('/');
  const [date, region, service, terminator] = parts.slice(-4);
  const accessKeyId = parts.slice(0, -4).join('/');
  if (accessKeyId === '' || !date || region === undefined || !service || !terminator) return undefined;
  return { accessKeyId, scope: { date, region, service, terminator } };
}

export const scopeText = ({ date, region, service, terminator }: Scope): string =>
  `${date}/${region}/${service}/${terminator}`;

const hmac = (key: string | Buffer, text: string): Buffer => createHmac('sha256', key).update(text).digest();

/** The key that signs within a scope, derived from the secret. */
export const signingKey = (secret: string, { date, region, service, terminator }: Scope): Buffer =>
  hmac(hmac(hmac(hmac(`AWS4${secret}`, date), region), service), terminator);

export const signatureOf = (key: Buffer, stringToSign: string): string => hmac(key, stringToSign).toString('hex');

/** In a time that tells nothing of where they differ. */
export function isSame(given: string, expected: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(expected)];
  return a.length === b.length && timingSafeEqual(a, b);
}

/** `20261129T094500Z`, as it stands in what is signed. */
export const amzDate = (date: Date): string => date.toISOString().replace(/[-:]|\.\d{3}/g, '');

/** The moment that `20261129T094500Z` names. */
export function parseAmzDate(text: string): Date | undefined {
  const parts = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text);
  if (!parts) return undefined;
  const [, year, month, day, hour, minute, second] = parts;
  const date = new Date(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
  return Number.isNaN(date.getTime()) ? undefined : date;
}

/** What the signature of each chunk of a body begins with: that of the one before it, and the headers' at first. */
export interface ChunkSigning {
  key: Buffer;
  timestamp: string;
  scope: string;
  seed: string;
}

/** How the body of a request is protected, and framed. */
export type Payload =
  | { kind: 'unsigned' }
  | { kind: 'sha256'; sha256: string }
  | { kind: 'unsigned-chunks' }
  | { kind: 'signed-chunks'; signing: ChunkSigning; withTrailer: boolean };
