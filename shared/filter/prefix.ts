/** What the prefregex caught of a line: the text that the failregexes see, and groups that go along with theirs. */
import type { FilterRegex } from './failregex.ts';
import { type Caught, type GroupNames, type GroupValue, slot } from './groups.ts';
import type { PatternMatch } from './regex/pattern.ts';
import { Subject } from './regex/subject.ts';

export class Prefix {
  readonly #regex: FilterRegex;
  readonly #match: PatternMatch;
  readonly #text: Subject;
  readonly #names: GroupNames;

  /** `text` is what the prefregex was searched in. */
  constructor(regex: FilterRegex, match: PatternMatch, text: Subject, names: GroupNames) {
    this.#names = names;
    this.#regex = regex;
    this.#match = match;
    this.#text = text;
  }

  /** By the names of the groups. */
  record(): Readonly<Record<string, GroupValue>> {
    return this.#names.record(this.#caught(), this.#regex.order);
  }

  /** Made anew each time: most lines need none of it. */
  #caught(): Caught {
    const caught = this.#names.none();
    this.#regex.take(this.#match, caught);
    return caught;
  }

  /** All but the content, which the failregexes have seen. */
  groups(): Caught {
    const groups = this.#names.none();
    this.#regex.take(this.#match, groups, slot.content);
    // it may have been merged of others
    groups[slot.content] = undefined;
    return groups;
  }

  /** Null where it caught none, or nothing: the failregexes then see the whole text. */
  content(): string | null {
    const content = this.#caught()[slot.content];
    return typeof content === 'string' && content !== '' ? content : null;
  }

  /** The content with a line end behind it. */
  line(): Subject {
    const span = this.#regex.merges ? null : this.#match.span('content');
    if (span !== null) return span[1] > span[0] ? this.#text.line(span[0], span[1]) : this.#text;
    const content = this.content();
    return content === null ? this.#text : Subject.ofText(`${content}\n`);
  }
}
