import type { Place } from '../places.ts';

/** One transfer or deletion: a line of the command's output. */
export interface Job {
  does: 'upload' | 'download' | 'copy' | 'move' | 'delete';
  from: Place;
  to?: Place;
  sizeBytes: number;
  run: (told: OnJob) => Promise<void>;
}

export interface OnJob {
  /** So many more bytes are transferred. */
  moved: (bytes: number) => void;
  /** Prints a line to stderr, beside the job's own. */
  note: (text: string) => void;
}
