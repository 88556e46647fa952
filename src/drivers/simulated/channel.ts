/** Values that are pushed at one end and awaited at the other. One reader. */
export class Channel<T> implements AsyncIterable<T> {
  readonly #values: T[] = [];
  #ended = false;
  #wake: () => void = () => undefined;
  #room: { promise: Promise<void>; resolve: () => void } | undefined;

  push(value: T): void {
    if (!this.#ended) this.#values.push(value);
    this.#wake();
  }

  /** What was pushed is still read. */
  end(): void {
    this.#ended = true;
    this.#wake();
    this.#makeRoom();
  }

  /** Until all that was pushed is read, or the end; `undefined`: no more than `ahead` values wait. */
  taken(ahead: number): Promise<void> | undefined {
    if (this.#ended || this.#values.length <= ahead) return undefined;
    if (!this.#room) {
      let resolve: () => void = () => undefined;
      const promise = new Promise<void>((done) => (resolve = done));
      this.#room = { promise, resolve };
    }
    return this.#room.promise;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    for (;;) {
      const value = this.#values.shift();
      if (this.#values.length === 0) this.#makeRoom();
      if (value !== undefined) yield value;
      else if (this.#ended) return;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  #makeRoom(): void {
    this.#room?.resolve();
    this.#room = undefined;
  }
}
