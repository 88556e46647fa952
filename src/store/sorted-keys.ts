/** Keys in their order, so that a page of a list needs neither a sort nor a scan. */
export class SortedKeys {
  readonly #keys: string[] = [];

  get size(): number {
    return this.#keys.length;
  }

  /** One that is there already is left as it is. */
  add(key: string): void {
    const last = this.#keys.at(-1);
    if (last === undefined || last < key) return void this.#keys.push(key);
    const at = this.position(key);
    if (this.#keys[at] !== key) this.#keys.splice(at, 0, key);
  }

  remove(key: string): void {
    const at = this.position(key);
    if (this.#keys[at] === key) this.#keys.splice(at, 1);
  }

  /** Those from one position up to another, without it. */
  slice(from: number, to: number): readonly string[] {
    return this.#keys.slice(from, to);
  }

  /** Of the first key that is not before this one. */
  position(key: string): number {
    let [low, high] = [0, this.#keys.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#keys[middle] ?? '') < key) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}
