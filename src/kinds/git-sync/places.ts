import { load } from '../../admission/load.ts';
import type { Loaded, LoadedDocument, Prepare } from '../../admission/load.ts';

/**
 * Where the fields of a file's documents stand, which only messages of problems tell. The text is parsed again for that:
 * kept, what it was parsed into would take thirty times the text.
 */
export class Places {
  readonly #load: () => Loaded;
  /** Many problems of one file are told in a row. */
  #again: WeakRef<Loaded> | undefined;

  constructor(text: string, path: string, prepare: Prepare | undefined) {
    this.#load = () => load(text, path, prepare);
  }

  /** Of the document with this place among the file's documents. */
  of(index: number): LoadedDocument['locate'] {
    return (field, part) => {
      const loaded = this.#again?.deref() ?? this.#load();
      this.#again = new WeakRef(loaded);
      return loaded.documents[index]?.locate(field, part) ?? { line: 1, column: 1 };
    };
  }
}
