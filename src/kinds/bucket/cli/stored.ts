import type { Readable } from 'node:stream';
import { Failure } from '../../../cli/failure.ts';

/** What S3 answers, in our types; the library's stay in `sdk.ts`. */
export interface StoredObject {
  key: string;
  sizeBytes: number;
  modifiedAt: Date;
  /** Without quotation marks. */
  etag: string;
}

export interface StoredVersion extends StoredObject {
  versionId: string;
  isDeleteMarker: boolean;
}

export interface StoredBucket {
  name: string;
  createdAt: Date;
}

/** Headers and metadata of an object. */
export interface Description {
  contentType?: string | undefined;
  cacheControl?: string | undefined;
  contentDisposition?: string | undefined;
  contentEncoding?: string | undefined;
  contentLanguage?: string | undefined;
  /** The user's own, by names in small letters. */
  metadata?: Readonly<Record<string, string>> | undefined;
}

export interface DescribedObject extends StoredObject {
  description: Description;
}

/** An object, and a stream of its bytes. */
export interface OpenObject extends StoredObject {
  body: Readable;
}

/** A part of an unfinished upload. */
export interface StoredPart {
  number: number;
  sizeBytes: number;
  etag: string;
  /** CRC-32, in base64. */
  checksum: string | undefined;
}

/** S3 refused a request. `message` begins with the place, `why` does not. */
export class S3Refusal extends Failure {
  readonly code: string;
  readonly why: string;

  constructor(code: string, why: string, where: string) {
    super(where === '' ? why : `${where}: ${why}`);
    this.code = code;
    this.why = why;
  }
}

/** The code of a refusal: the object does not have the expected ETag. */
export const CHANGED = 'PreconditionFailed';
