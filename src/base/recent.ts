/** What was made of the newest keys, so that it is made once: the oldest go when all together weigh too much. */
export class Recent<Key extends object, Value extends { readonly length: number }> {
  readonly #made = new Map<Key, Value>();
  readonly #most: number;
  readonly #make: (key: Key) => Value;
  #weight = 0;

  /** `most`: the sum of the values' lengths that is kept. */
  constructor(most: number, make: (key: Key) => Value) {
    this.#most = most;
    this.#make = make;
  }

  get(key: Key): Value {
    const known = this.#made.get(key);
    if (known !== undefined) return known;
    const value = this.#make(key);
    this.#made.set(key, value);
    this.#weight += value.length;
    for (const [oldest, { length }] of this.#made) {
      if (this.#weight <= this.#most) break;
      this.#made.delete(oldest);
      this.#weight -= length;
    }
    return value;
  }
}
