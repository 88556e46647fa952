import type { Statement } from './pool.ts';

/** The one row of `revisions`, locked for update: while it is held, nobody else commits a document, and no lease changes hands. */
export const LOCK: Statement = { name: 'lock', text: 'SELECT 1 FROM revisions WHERE id = 1 FOR UPDATE' };
