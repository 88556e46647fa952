/** Values that are pushed at one end and awaited at the other. One reader. */
export class Channel<T> implements AsyncIterable<T> {
  readonly #values: T[] = [];
  #ended = false;
  #wake: () => void = () => undefined;

  push(value: T): void {
    if (!this.#ended) this.#values.push(value);
    this.#wake();
  }

  /** What was pushed is still read. */
  end(): void {
    this.#ended = true;
    this.#wake();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    for (;;) {
      const value = this.#values.shift();
      if (value !== undefined) yield value;
      else if (this.#ended) return;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }
}
