/** How far a check of a bucket is: versions and bytes that it has read, and how many of the versions are damaged. */
export interface CheckProgress {
  objects: number;
  bytes: number;
  damaged: number;
}

/** A version of an object whose bytes are gone, or not what was put. */
export interface DamagedVersion {
  key: string;
  versionId: string;
  isLatest: boolean;
  sizeBytes: number;
  what: string;
}

/** A line of the answer of `…/buckets/NAME/check`. */
export type CheckEvent =
  | { type: 'PROGRESS' | 'END'; object: CheckProgress }
  | { type: 'DAMAGED'; object: DamagedVersion };
