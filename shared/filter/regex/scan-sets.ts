/** Sets of expressions that have matched, by number, for a scan to answer with. */

/** The number of the set without members. */
export const noneMatched = 0;

export class MatchSets {
  readonly #patterns: number;
  readonly #ids = new Map<string, number>();
  readonly #members: Uint8Array[] = [];
  /** For each set the lowest member at or above an index, -1 where there is none. */
  readonly #next: Int32Array[] = [];

  constructor(patterns: number) {
    this.#patterns = patterns;
    this.clear();
  }

  /** Numbers of 32 bits that the sets take, about. */
  get words(): number {
    return this.#members.length * (2 * this.#patterns + 32);
  }

  clear(): void {
    this.#ids.clear();
    this.#members.length = 0;
    this.#next.length = 0;
    this.idOf(new Uint8Array(this.#patterns));
  }

  /** The number of the set that has 1 at the index of each member; it keeps a copy. */
  idOf(members: Uint8Array): number {
    const key = String.fromCharCode(...members);
    const known = this.#ids.get(key);
    if (known !== undefined) return known;
    const next = new Int32Array(this.#patterns + 1).fill(-1);
    for (let i = this.#patterns - 1; i >= 0; i--) next[i] = members[i] === 1 ? i : (next[i + 1] ?? -1);
    this.#ids.set(key, this.#members.length);
    this.#next.push(next);
    return this.#members.push(members.slice()) - 1;
  }

  copy(id: number, into: Uint8Array): void {
    const members = this.#members[id];
    if (members === undefined) throw new Error(`no set ${id}`);
    into.set(members);
  }

  /** The lowest member at or above `from`; -1 if there is none. */
  next(id: number, from: number): number {
    return this.#next[id]?.[from] ?? -1;
  }
}
