/** Finds the date of a line among many templates, by fail2ban's rule: the order of the lines before it counts. */
import { EdgebanError } from '../errors.ts';
import type { UnixTime } from '../time.ts';
import { lineBeginMark } from './datepattern.ts';
import {
  type DateTemplate,
  defaultTemplates,
  framedDefaults,
  makeTemplate,
  type TemplateKit,
} from './datetemplates.ts';
import type { Budget, PatternMatch } from './regex/pattern.ts';
import type { Subject } from './regex/subject.ts';

/** A date found in a line: what `[start, end)` of the line holds is the date's text. */
export interface FoundDate {
  readonly start: number;
  readonly end: number;
  readonly match: PatternMatch;
  /** Where the text begins in which the match was found. */
  readonly shift: number;
  readonly template: DateTemplate;
}

/** A template and what has become of it so far. */
export interface TemplateUse {
  readonly name: string;
  readonly hits: number;
  /** What decides its place: hits, its own weight, and how far inside of the line its last hit was. */
  readonly weight: number;
  readonly ownWeight: number;
  /** As it was written; null for the built-in kinds. */
  readonly source: string | null;
  readonly regex: string;
}

interface Slot {
  readonly template: DateTemplate;
  hits: number;
  lastUsed: UnixTime;
  /** Where in the line its last hit began. */
  distance: number;
}

interface Hit {
  readonly match: PatternMatch;
  /** Where in the line the searched part begins. */
  readonly shift: number;
  readonly index: number;
}

/** The characters about an edge of the last hit; -1 where the line ends. */
interface Edge {
  at: number;
  before: number;
  after: number;
}

const far = Number.MAX_SAFE_INTEGER;
const unused_seconds = 300;

/**
 * The detector of one jail. `patterns` is a `datepattern` split into lines; none is the default list.
 * Throws ERR_FILTER_DATEPATTERN for a pattern that cannot be translated or stands twice.
 */
export class DateDetector {
  readonly #slots: Slot[] = [];
  #lastIndex = far;
  readonly #begin: Edge = { at: 0, before: -1, after: -1 };
  readonly #end: Edge = { at: 0, before: -1, after: -1 };
  #firstUnused = 0;

  constructor(patterns: readonly string[], kit: TemplateKit) {
    for (const pattern of patterns) this.#append(templatesOf(pattern, kit), isSeveral(pattern));
    if (this.#slots.length === 0) this.#append(compiledOnes(defaultTemplates(kit)), true);
  }

  get templates(): readonly TemplateUse[] {
    return this.#slots.map((slot) => {
      const { name, source, regex, weight } = slot.template;
      return { name, hits: slot.hits, weight: weightOf(slot), ownWeight: weight, source, regex };
    });
  }

  /** The date's place in the line, or null. Each call teaches the detector which template comes first. */
  find(line: Subject, now: UnixTime, budget: Budget): FoundDate | null {
    const hit = this.#choose(line, budget);
    if (hit === null) return null;
    const slot = this.#slot(hit.index);
    const { match } = hit;
    this.#remember(slot, line, startOf(hit), match.end + hit.shift, now);
    this.#moveTo(hit.index, slot);
    const span = match.span(slot.template.dateGroup);
    const missing = Math.max(0, line.length - 1); // where Python's slices put a group that took no part
    const [start, end] = span === null ? [missing, missing] : [span[0] + hit.shift, span[1] + hit.shift];
    return {
      start,
      end,
      match,
      shift: hit.shift,
      template: slot.template,
    };
  }

  /** What `find` does where it would find the match of the template that matched last, which is bound to the line's begin. */
  foundAgain(line: Subject, start: number, end: number, now: UnixTime): void {
    this.#remember(this.#slot(this.#lastIndex), line, start, end, now);
  }

  #append(templates: readonly DateTemplate[], several: boolean): void {
    const skipKnown = several && this.#slots.length > 0;
    for (const template of templates) {
      const known = this.#slots.some((slot) => slot.template.name === template.name);
      if (known && skipKnown) continue;
      if (known) throw new EdgebanError('ERR_FILTER_DATEPATTERN', `datepattern ${template.name} stands twice`);
      this.#slots.push({ template, hits: 0, lastUsed: 0, distance: far });
    }
  }

  #slot(index: number): Slot {
    const slot = this.#slots[index];
    if (slot === undefined) throw new Error(`no date template ${index}`);
    return slot;
  }

  #choose(line: Subject, budget: Budget): Hit | null {
    const slot = this.#slots[this.#lastIndex];
    if (slot === undefined) return this.#searchAll(line, budget, far, null);
    const inPart = !slot.template.anchored && this.#sameEdges(line);
    const hit = this.#searchAgain(slot, line, inPart, budget);
    if (hit !== null && this.#isSure(hit, slot)) return hit;
    return this.#searchAll(line, budget, inPart ? far : this.#lastIndex, hit);
  }

  /** The template of the last line, at the same place (`inPart`) if the characters about it still agree. */
  #searchAgain({ template }: Slot, line: Subject, inPart: boolean, budget: Budget): Hit | null {
    const index = this.#lastIndex;
    if (inPart) return searchPart(template, line, { begin: this.#begin.at, end: this.#end.at, index }, budget);
    const match = template.pattern().search(line, budget);
    return match === null ? null : { match, shift: 0, index };
  }

  #isSure(hit: Hit, { template }: Slot): boolean {
    if (this.#slots.length === 1 || template.anchored) return true;
    return startOf(hit) === this.#begin.at && hit.match.end + hit.shift === this.#end.at;
  }

  #sameEdges(line: Subject): boolean {
    const begin = this.#begin;
    const end = this.#end;
    const atBegin = line.codeAt(begin.at - 1) === begin.before || sameSign(line.codeAt(begin.at), begin.after);
    return atBegin && (line.codeAt(end.at) === end.after || sameSign(line.codeAt(end.at - 1), end.before));
  }

  /** `best` is a hit of the last template somewhere else: it counts if nothing better comes. */
  #searchAll(line: Subject, budget: Budget, skip: number, best: Hit | null): Hit | null {
    let reserve = best;
    for (const [index, slot] of this.#slots.entries()) {
      if (index === skip) continue;
      const match = slot.template.pattern().search(line, budget);
      if (match === null) continue;
      const hit = { match, index, shift: 0 };
      if (index + 1 === this.#slots.length || slot.template.anchored || !this.#isFurther(match.start, slot)) return hit;
      if (reserve === null || match.start < startOf(reserve)) reserve = hit;
    }
    return reserve;
  }

  /** Further right than before: the date may be one in the message's body. */
  #isFurther(start: number, slot: Slot): boolean {
    return start > slot.distance || start > (this.#lastIndex === far ? 1 : this.#begin.at);
  }

  #remember(slot: Slot, line: Subject, start: number, end: number, now: UnixTime): void {
    slot.hits += 1;
    slot.lastUsed = now;
    slot.distance = start;
    setEdge(this.#begin, line, start, start - 1);
    // Python's line[-1] is the last character
    setEdge(this.#end, line, end, end === 0 ? line.length - 1 : end - 1);
  }

  #moveTo(index: number, slot: Slot): void {
    if (this.#firstUnused === index) this.#firstUnused += 1;
    this.#lastIndex = index > 0 && index !== this.#lastIndex ? this.#bubbleUp(index, slot) : index;
  }

  /** Moves a template that hits often towards the front: to the first unused place or half way, else by one. */
  #bubbleUp(index: number, slot: Slot): number {
    const half = this.#firstUnused < index ? this.#firstUnused : Math.floor(index / 2);
    const target = [half, index - 1].find((place) => this.#outweighs(slot, this.#slot(place)));
    if (target === undefined) return index;
    this.#slots.splice(index, 1);
    this.#slots.splice(target, 0, slot);
    while ((this.#slots[this.#firstUnused]?.hits ?? 0) > 0) this.#firstUnused += 1;
    return target;
  }

  #outweighs(slot: Slot, other: Slot): boolean {
    return weightOf(slot) > weightOf(other) || slot.lastUsed - unused_seconds > other.lastUsed;
  }
}

function weightOf(slot: Slot): number {
  return (slot.hits * slot.template.weight) / Math.max(1, slot.distance);
}

/**
 * Python's `search(line, begin, end)`, which sees the characters before `begin`: where nothing matches earlier, a search
 * from the line's begin finds the same; otherwise the part is searched by itself.
 */
function searchPart(
  template: DateTemplate,
  line: Subject,
  { begin, end, index }: { begin: number; end: number; index: number },
  budget: Budget,
): Hit | null {
  const match = template.pattern().search(line.part(0, end), budget);
  if (match === null || match.start >= begin) return match === null ? null : { match, shift: 0, index };
  const part = template.pattern().search(line.part(begin, end), budget);
  return part === null ? null : { match: part, shift: begin, index };
}

function setEdge(edge: Edge, line: Subject, at: number, before: number): void {
  edge.at = at;
  edge.before = line.codeAt(before);
  edge.after = line.codeAt(at);
}

function startOf(hit: Hit): number {
  return hit.match.start + hit.shift;
}

/** The same character, and one that bounds a word. */
function sameSign(a: number, b: number): boolean {
  return a === b && (b < 0 || !/^[\p{L}\p{N}]$/u.test(String.fromCharCode(b)));
}

function isSeveral(pattern: string): boolean {
  return !pattern.includes('%') && /^(?:\{\^LN-BEG\}|\{DEFAULT\})$|\{DATE\}/i.test(pattern);
}

/** One line of a `datepattern`; `{DEFAULT}` stands for the default list only where it stands alone. */
function templatesOf(pattern: string, kit: TemplateKit): readonly DateTemplate[] {
  const key = pattern.includes('%') ? pattern : pattern.toUpperCase();
  if (key === '{DEFAULT}') return [];
  if (key === lineBeginMark) return compiledOnes(defaultTemplates(kit).filter((template) => template.lineBegin));
  const framed = key.includes('{DATE}');
  return compiledOnes(
    framed ? framedDefaults(pattern, kit) : [makeTemplate(key === '{NONE}' ? '{UNB}^' : pattern, kit)],
  );
}

/** A bad one is refused now, and no attacker's line has to wait for it. */
function compiledOnes(templates: readonly DateTemplate[]): readonly DateTemplate[] {
  for (const template of templates) template.pattern();
  return templates;
}
