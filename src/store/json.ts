import type { Resource } from '../api/metadata.ts';
import { Recent } from '../base/recent.ts';

/** Characters: some thousands of documents, of which the newest are asked for again. */
const MOST = 8 * 2 ** 20;

const texts = new Recent<Resource, string>(MOST, (stored) => JSON.stringify(stored));

/**
 * A stored document as JSON. Nobody changes one, so that its row, the answer to its writer and every watcher can have
 * the same text.
 */
export const jsonOf = (stored: Resource): string => texts.get(stored);
