/** Python `re` for filters and dates: what the rest of the program sees of it. */

import type { Alike } from './alike.ts';
import type { Subject } from './subject.ts';
import type { Tree } from './tree.ts';
import type { Watch } from './watch.ts';

/**
 * RE2, handed in by the host (`host-agent/system/re2.ts` wraps npm `re2`): `compile` takes RE2 syntax and throws on what it cannot;
 * `encode` turns a text into UTF-8 once, so that many programs can test the same line; the bytes are good until the next call.
 */
export interface Re2 {
  compile(source: string): Re2Program;
  encode(text: string): Uint8Array;
  /** Where the host has WebAssembly: the matcher is twenty times as slow. */
  readonly searches?: Searches;
}

/** Memory that all searches share: one runs at a time, and none leaves anything behind. */
export interface SearchMemory {
  readonly bytes: Uint8Array;
  /** The same as numbers of 32 bits. */
  readonly numbers: Int32Array;
}

export interface Searches {
  readonly memory: SearchMemory;
  /** Makes a search of a module, which takes the memory as `m.m` and offers the search as `f`. */
  build(module: Uint8Array<ArrayBuffer>): Search;
  /** Some of the memory beyond what searches need, for as long as it is held; null where there is none left. */
  room(bytes: number): Uint8Array | null;
}

/**
 * A search in the ASCII text between two addresses in memory (`room.ts`): 1 if there is a match (its marks, addresses, are in
 * memory), 0 if there is none, -1 if `steps` or the room on the stack did not do. The steps that remain are left in memory.
 * Marks and registers hold -1 at the start.
 */
export type Search = (begin: number, end: number, steps: number) => number;

export interface Re2Program {
  /** Whether the program matches anywhere in the UTF-8 bytes. */
  test(bytes: Uint8Array): boolean;
  /** The leftmost match in a text: start and end of the match and of each group, in UTF-16 units; -1 where unset. */
  exec(text: string): readonly number[] | null;
}

/**
 * The work that one line may cost, shared by all searches of that line. When it is used up, `search` sets `exhausted` and
 * returns null: the caller counts that and takes it as a miss.
 */
export interface Budget {
  steps: number;
  exhausted: boolean;
  /** Of the line's time, where the host has a clock for it. */
  readonly watch?: Watch | undefined;
}

export interface PatternMatch {
  /** Offsets in UTF-16 units. */
  readonly start: number;
  readonly end: number;
  /** Every named group; undefined where it took no part. */
  readonly groups: Readonly<Record<string, string | undefined>>;
  /** What a group caught, by the number of `Pattern.numbers`; undefined where it took no part. */
  caught(number: number): string | undefined;
  /** Whether each group that is kept stands in both matches at the same place, counted from `from` here and from `otherFrom` there. */
  agrees(other: PatternMatch, from: number, otherFrom: number): boolean;
  /** Start and end of a group by name, or by number where the pattern was compiled with `numbered`. */
  span(group: string | number): readonly [number, number] | null;
}

export interface Pattern {
  /** Python's source, as it was given. */
  readonly source: string;
  /** Named groups in the order of their opening. */
  readonly names: readonly string[];
  /** What it was parsed into, for a scan of several. */
  readonly tree: Tree;
  /** The numbers of the same groups. */
  readonly numbers: readonly number[];
  /**
   * The first match in the text, as Python's `re.search` finds it. Without a budget a fresh one is used, and using it up throws
   * ERR_REGEX_STEPS.
   */
  search(text: string | Subject, budget?: Budget): PatternMatch | null;
  /** The latest example of what it finds, where texts are expected that begin alike. */
  readonly alike: Alike | null;
}

export interface PatternOptions {
  readonly re2: Re2;
  /** re.MULTILINE. */
  readonly multiline?: boolean;
  /** re.IGNORECASE. */
  readonly ignoreCase?: boolean;
  /** Keep unnamed groups too, for `span(1)`. Costs speed. */
  readonly numbered?: boolean;
  /** Texts are expected that begin alike, as lines with dates do: one of which the same is certain is not searched. */
  readonly alike?: boolean;
  /** Steps that the matcher may take where RE2 could give the groups too; by default 2,000. With 0 RE2 gives them always. */
  readonly briefSteps?: number;
}
