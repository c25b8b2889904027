/** Reads the source of a regular expression item by item, an escape and the character after it as one. */

import { EdgebanError } from '../../errors.ts';

export class Scanner {
  readonly source: string;
  /** The item that comes next, or null at the end. */
  next: string | null = null;
  #after = 0;

  constructor(source: string) {
    this.source = source;
    this.seek(0);
  }

  /** Where the next item starts, in UTF-16 units. */
  get position(): number {
    return this.#after - (this.next ?? '').length;
  }

  seek(index: number): void {
    this.#after = index;
    this.#advance();
  }

  #advance(): void {
    const char = this.#charAt(this.#after);
    if (char === '\\') {
      const escaped = this.#charAt(this.#after + 1);
      if (escaped === '') throw this.#errorAt('bad escape (end of pattern)', this.source.length - 1);
      this.next = char + escaped;
    } else this.next = char === '' ? null : char;
    this.#after += (this.next ?? '').length;
  }

  #charAt(index: number): string {
    const code = this.source.codePointAt(index);
    return code === undefined ? '' : String.fromCodePoint(code);
  }

  /** Takes the next item; null at the end. */
  get(): string | null {
    const item = this.next;
    this.#advance();
    return item;
  }

  /** Takes the next item if it is this one. */
  match(item: string): boolean {
    if (this.next !== item) return false;
    this.#advance();
    return true;
  }

  /** Takes up to `count` items that are in `allowed`. */
  take(count: number, allowed: string): string {
    let taken = '';
    while (taken.length < count && this.next !== null && allowed.includes(this.next)) {
      taken += this.next;
      this.#advance();
    }
    return taken;
  }

  /** Takes all up to the terminator, and the terminator. */
  until(terminator: string, what: string): string {
    const start = this.position;
    for (let taken = ''; ; ) {
      const item = this.get();
      if (item === null)
        throw this.#errorAt(`missing ${taken === '' ? what : `${terminator}, unterminated name`}`, start);
      if (item === terminator) {
        if (taken === '') throw this.#errorAt(`missing ${what}`, start);
        return taken;
      }
      taken += item;
    }
  }

  /** Says what is wrong, `back` units before the next item. */
  error(what: string, back = 0): EdgebanError {
    return this.#errorAt(what, this.position - back);
  }

  #errorAt(what: string, position: number): EdgebanError {
    return new EdgebanError('ERR_REGEX_SYNTAX', `bad regular expression: ${what} at position ${position}`, {
      remedy: 'write it as Python 3.11 takes it',
    });
  }

  unsupported(construct: string, back: number, remedy: string): EdgebanError {
    const position = this.position - back;
    return new EdgebanError('ERR_REGEX_UNSUPPORTED', `${construct} at position ${position} is not supported`, {
      remedy,
    });
  }
}
