import type { Readable } from 'node:stream';
import { Failure } from '../../../cli/failure.ts';

/** What S3 tells of things in it, in words of ours: the library's stop in `sdk.ts`. */
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

/** What an object is described by, beside its bytes. */
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

/** An object's bytes from the one that was asked for on. */
export interface OpenObject extends StoredObject {
  body: Readable;
}

/** A part of an upload that has not come to an end. */
export interface StoredPart {
  number: number;
  sizeBytes: number;
  etag: string;
  /** CRC-32, in base64. */
  checksum: string | undefined;
}

/** S3 refused. `message` has the place in it, `why` has not. */
export class S3Refusal extends Failure {
  readonly code: string;
  readonly why: string;

  constructor(code: string, why: string, where: string) {
    super(where === '' ? why : `${where}: ${why}`);
    this.code = code;
    this.why = why;
  }
}

/** The object is another one than it was when it was listed. */
export const CHANGED = 'PreconditionFailed';
