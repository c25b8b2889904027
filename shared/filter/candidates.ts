/** Which of some regexes may match a text: one pass over its bytes spares most of the searches. */
import type { FilterRegex } from './failregex.ts';
import type { Re2 } from './regex/pattern.ts';
import { cannotSay, createScan, noMatch, type Scan } from './regex/scan.ts';
import type { Subject } from './regex/subject.ts';

/** After so many texts in a row that may match, scans are left out for some: they would hardly spare a search. */
const passes_max = 64;
const unscanned_texts = 1_024;
/**
 * Of so many regexes the one that is left for a text nearly always matches it, and its search takes no longer than a scan to the
 * text's end; of a few, one is often left by what all lines begin with.
 */
const many = 8;

/** Whether one regex may match a text: most texts are scanned only where many do not match. */
export class Sieve {
  readonly #candidates: Candidates;
  #passes = 0;
  #unscanned = 0;

  constructor(regex: FilterRegex, encode: Re2['encode']) {
    this.#candidates = new Candidates([regex], encode);
  }

  mayMatch(text: Subject): boolean {
    if (this.#unscanned > 0) {
      this.#unscanned -= 1;
      return true;
    }
    const may = this.#candidates.look(text);
    this.#passes = may ? this.#passes + 1 : 0;
    if (this.#passes > passes_max) this.#unscanned = unscanned_texts;
    return may;
  }
}

export class Candidates {
  readonly #scan: Scan;
  readonly #count: number;
  readonly #encode: Re2['encode'];
  #set: number = cannotSay;

  /** `encode` makes UTF-8 of a text. */
  constructor(regexes: readonly FilterRegex[], encode: Re2['encode']) {
    this.#encode = encode;
    this.#count = regexes.length;
    const trees = regexes.map(({ pattern }) => pattern.tree);
    this.#scan = createScan(trees, regexes.length >= many);
  }

  /** Another text. False if none of the regexes matches it. */
  look(text: Subject): boolean {
    this.#set = text.bytes === null ? this.#scanEncoded(text) : this.#scan.scan(text.bytes, text.start, text.end);
    return this.#set !== noMatch;
  }

  #scanEncoded({ text }: Subject): number {
    const bytes = this.#encode(text);
    return this.#scan.scan(bytes, 0, bytes.length);
  }

  /** The index of the next one at or above `from` that may match; -1 if there is none. */
  next(from: number): number {
    if (this.#set === noMatch) return -1;
    if (this.#set !== cannotSay) return this.#scan.next(this.#set, from);
    return from < this.#count ? from : -1;
  }
}
