import type { Place } from '../places.ts';

/** One thing that a command does: what a line of its output tells of. */
export interface Job {
  does: 'upload' | 'download' | 'copy' | 'move' | 'delete';
  from: Place;
  to?: Place;
  sizeBytes: number;
  run: (told: OnJob) => Promise<void>;
}

export interface OnJob {
  /** So many bytes more are there. */
  moved: (bytes: number) => void;
  /** What a person may want to know besides. */
  note: (text: string) => void;
}
