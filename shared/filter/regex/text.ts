/** Walks a text by code points, and answers the questions that anchors and boundaries ask of a place in it. */

import { lower } from './unicode.ts';

const lineFeed = 10;

/** The code point at a place; the text is well formed, so a high surrogate always has its low one. */
export function codeAt(text: string, at: number): number {
  const unit = text.charCodeAt(at);
  if (unit < 0xd800 || unit > 0xdbff) return unit;
  return text.codePointAt(at) ?? unit;
}

/** Whether the place is in the middle of a character. */
export function isInside(text: string, at: number): boolean {
  const unit = text.charCodeAt(at);
  return unit >= 0xdc00 && unit <= 0xdfff;
}

/** The place one character before. */
export function stepBack(text: string, at: number): number {
  return isInside(text, at - 1) ? at - 2 : at - 1;
}

/** The place `count` characters before; -1 if there are not so many. */
export function goBack(text: string, at: number, count: number): number {
  let place = at;
  for (let i = 0; i < count && place >= 0; i++) place = place === 0 ? -1 : stepBack(text, place);
  return place;
}

/** Anchors by number, as the assembler writes them. */
export function isAt(text: string, at: number, anchor: number): boolean {
  const end = text.length;
  switch (anchor) {
    case 0:
      return at === 0;
    case 1:
      return at === 0 || text.charCodeAt(at - 1) === lineFeed;
    case 2:
      return at === end;
    case 3:
      return at === end || text.charCodeAt(at) === lineFeed;
    default:
      return at === end || (at === end - 1 && text.charCodeAt(at) === lineFeed);
  }
}

/** Lower case as a back reference compares it: 1 for ASCII letters only, 2 for all. */
function lowerAs(fold: number, code: number): number {
  if (fold === 1) return code >= 65 && code <= 90 ? code + 32 : code;
  return lower(code);
}

/** The place after a repetition of `from..to` at `at`, or -1. */
export function repetitionEnd(text: string, at: number, from: number, to: number, fold: number): number {
  if (fold === 0) return text.startsWith(text.slice(from, to), at) ? at + to - from : -1;
  let place = at;
  for (let i = from; i < to; ) {
    if (place >= text.length) return -1;
    const wanted = codeAt(text, i);
    const found = codeAt(text, place);
    if (wanted !== found && lowerAs(fold, wanted) !== lowerAs(fold, found)) return -1;
    i += wanted > 0xffff ? 2 : 1;
    place += found > 0xffff ? 2 : 1;
  }
  return place;
}
