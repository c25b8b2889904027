/** One after the other: what must not meet another half-way. */
export class Turns {
  #last: Promise<void> = Promise.resolve();

  /** Runs `body` when all before it have ended. */
  take<T>(body: () => Promise<T>): Promise<T> {
    const next = this.#last.then(body);
    this.#last = next.then(nothing, nothing);
    return next;
  }

  /** When all that was begun has ended. Never rejects. */
  ended(): Promise<void> {
    return this.#last;
  }
}

const nothing = () => undefined;
