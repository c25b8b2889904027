/**
 * Goes ahead of a filter, on another thread: notes for each line what the regexes find in it, as far as that does not depend on
 * the lines before it. A filter that is given the notes need not search; without them it comes to the same.
 */
import type { Line } from '../ticket.ts';
import type { UnixTime } from '../time.ts';
import type { FilterConf, FilterPorts } from './conf.ts';
import type { DatedText } from './line-text.ts';
import { LogLines } from './log-lines.ts';
import { Prefix } from './prefix.ts';
import { newBudget } from './regex/compile.ts';
import type { Budget, Pattern, PatternMatch } from './regex/pattern.ts';
import type { Subject } from './regex/subject.ts';
import { Regexes } from './regexes.ts';

/**
 * The notes of lines, one after the other. Of each line: how many numbers its notes are; where its date begins and ends; the
 * marks of the prefregex if there is one, with their count in front; for each failregex that matches its index, and its marks likewise. A note
 * of a single number says nothing.
 */
export type NoteRoom = Uint16Array;

/** What a short line's notes may come to. */
const note_numbers_max = 4_096;
const head = 3;

export class Scout {
  readonly #regexes: Regexes;
  readonly #lines: LogLines;
  /** Notes of the present line. */
  readonly #note = new Uint16Array(note_numbers_max);
  #size = 0;

  /** As createFilter. The lines have to be those of a filter with `maxlines` 1. */
  constructor(conf: FilterConf, ports: Pick<FilterPorts, 're2' | 'zone' | 'decode' | 'ascii'>, now: UnixTime) {
    this.#regexes = new Regexes(conf, ports.re2, 1);
    this.#lines = new LogLines(conf, ports, now);
  }

  /** Writes the notes of a line; returns where those of the next one begin, -1 if there is no room. */
  look(line: Line, now: UnixTime, room: NoteRoom, at: number): number {
    const known = this.#noted(line, now);
    const size = known ? this.#size : 1;
    if (at + size > room.length) return -1;
    room[at] = size;
    for (let index = 1; index < size; index += 1) room[at + index] = this.#note[index] ?? 0;
    return at + size;
  }

  /** False for what is long, not ASCII, or too much for the generated code. */
  #noted(line: Line, now: UnixTime): boolean {
    const budget = newBudget();
    const { dated } = this.#lines.read(line, now, 'unchecked', budget);
    if (dated === 'error' || dated.parts.line.bytes === null) return false;
    this.#note[1] = dated.parts.start;
    this.#note[2] = dated.parts.end;
    this.#size = head;
    const text = this.#lines.searched(dated.parts);
    const { prefregex } = this.#regexes;
    if (prefregex === null) this.#search(text, budget);
    else {
      const match = this.#regexes.matchPrefix(text, budget);
      this.#add(match);
      if (match !== null) this.#search(new Prefix(prefregex, match, text, this.#regexes.groups).line(), budget);
    }
    return !budget.exhausted && this.#size <= note_numbers_max;
  }

  #search(text: Subject, budget: Budget): void {
    const { candidates, failregexes } = this.#regexes;
    candidates.look(text);
    for (let index = candidates.next(0); index >= 0; index = candidates.next(index + 1)) {
      const match = failregexes[index]?.pattern.search(text, budget) ?? null;
      if (match === null) continue;
      this.#note[this.#size] = index;
      this.#size += 1;
      this.#add(match);
    }
  }

  /** A mark that is not set is 0. */
  #add(match: PatternMatch | null): void {
    const marks = match?.marks ?? [];
    this.#note[this.#size] = marks.length;
    for (let index = 0; index < marks.length; index += 1) this.#note[this.#size + 1 + index] = (marks[index] ?? -1) + 1;
    this.#size += 1 + marks.length;
  }
}

/** The notes of one line after the other, as a filter reads them. */
export class Foreseen {
  readonly #room: NoteRoom;
  readonly #end: number;
  /** Of the present line. */
  #begin = 0;
  #next = 0;
  #at = 0;

  /** The notes of many lines are `room[0, end)`. */
  constructor(room: NoteRoom, end: number) {
    this.#room = room;
    this.#end = end;
  }

  /** Goes on to the next line. */
  advance(): void {
    this.#begin = this.#next;
    if (this.#begin < this.#end) this.#next += this.#room[this.#begin] ?? 1;
  }

  /** Whether the line's notes hold: they do where its date is where it was thought to be. */
  isOf({ line, start, end }: DatedText): boolean {
    if (this.#next - this.#begin < head || line.bytes === null) return false;
    this.#at = this.#begin + head;
    return this.#room[this.#begin + 1] === start && this.#room[this.#begin + 2] === end;
  }

  /** What has been found by the prefregex, which is asked for first, or by the failregex that was told last. */
  match(pattern: Pattern, text: Subject): PatternMatch | null {
    const count = this.#room[this.#at] ?? 0;
    const marks = new Array<number>(count);
    for (let index = 0; index < count; index += 1) marks[index] = (this.#room[this.#at + 1 + index] ?? 0) - 1;
    this.#at += 1 + count;
    return count === 0 ? null : pattern.restored(text, marks);
  }

  /** The index of the next failregex that matches; -1 if there is none. */
  next(): number {
    if (this.#at >= this.#next) return -1;
    this.#at += 1;
    return this.#room[this.#at - 1] ?? -1;
  }
}
