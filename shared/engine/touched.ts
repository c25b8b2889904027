/** Things in the order in which they were touched last. */

export interface Linked<T> {
  before: T | null;
  after: T | null;
}

/** Links instead of a map that is written anew at each touch: such a map is rebuilt all the time. */
export class Touched<T extends Linked<T>> {
  #first: T | null = null;
  #last: T | null = null;

  /** The one that was touched longest ago. */
  get first(): T | null {
    return this.#first;
  }

  /** Puts one that is not in it behind all others. */
  add(one: T): void {
    one.before = this.#last;
    one.after = null;
    if (this.#last === null) this.#first = one;
    else this.#last.after = one;
    this.#last = one;
  }

  /** Takes out one that is in it. */
  remove(one: T): void {
    if (one.before === null) this.#first = one.after;
    else one.before.after = one.after;
    if (one.after === null) this.#last = one.before;
    else one.after.before = one.before;
  }
}
