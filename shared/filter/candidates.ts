/** Which of some regexes may match a text: one pass over its bytes spares most of the searches. */
import type { FilterRegex } from './failregex.ts';
import { cannotSay, createScan, noMatch, type Scan } from './regex/scan.ts';
import type { Subject } from './regex/subject.ts';

export class Candidates {
  readonly #scan: Scan;
  readonly #count: number;
  #set: number = cannotSay;

  constructor(regexes: readonly FilterRegex[]) {
    this.#count = regexes.length;
    this.#scan = createScan(
      regexes.map(({ pattern }) => pattern.tree),
      '',
    );
  }

  /** Another text. False if none of the regexes matches it. */
  look({ bytes, start, end }: Subject): boolean {
    this.#set = bytes === null ? cannotSay : this.#scan.scan(bytes, start, end);
    return this.#set !== noMatch;
  }

  /** The index of the next one at or above `from` that may match; -1 if there is none. */
  next(from: number): number {
    if (this.#set === noMatch) return -1;
    if (this.#set !== cannotSay) return this.#scan.next(this.#set, from);
    return from < this.#count ? from : -1;
  }
}
