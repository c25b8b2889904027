/** Instructions that say whether the bytes at a place of a text are in sets of characters. */
import { local, place } from './room.ts';
import type { Body } from './wasm.ts';

type Low = Uint8Array;

/** 1 if the byte in `at`, so many places further, is in the set; the place has to be in the text. */
export function isIn(body: Body, low: Low, offset = 0, at: number = local.at): void {
  const [others, ...moreOthers] = rangesOf(low, 0);
  const [range, ...more] = rangesOf(low, 1);
  if (range === undefined || others === undefined) {
    body.number(range === undefined ? 0 : 1);
    return;
  }
  body.get(at).memory('load8', offset);
  if (more.length === 0) isBetween(body, range);
  else if (moreOthers.length > 0) isAmong(body, low);
  else {
    isBetween(body, others);
    body.do('eqz');
  }
}

/** The same for a byte on the stack. */
function isBetween(body: Body, [lo, hi]: readonly [number, number]): void {
  body.number(lo);
  if (lo === hi) body.do('eq');
  else
    body
      .do('sub')
      .number(hi - lo)
      .do('leUnsigned');
}

/** The same for a byte on the stack: a bit for each character. */
function isAmong(body: Body, low: Low): void {
  body.set(local.byte).bits(bitsOf(low, 0)).bits(bitsOf(low, 64));
  body.get(local.byte).number(64).do('ltUnsigned', 'select');
  body.get(local.byte).do('widen', 'shr64', 'wrap').number(1).do('and');
}

function bitsOf(low: Low, from: number): bigint {
  let bits = 0n;
  for (const half of [32, 0]) {
    let word = 0;
    for (let code = 31; code >= 0; code -= 1) word = 2 * word + (low[from + half + code] ?? 0);
    bits = (bits << 32n) | BigInt(word);
  }
  return bits;
}

/** 1 if `at` is inside of the text and its byte in the set. */
export function isInside(body: Body, low: Low): void {
  body.get(local.at, local.end).do('lt');
  isIn(body, low);
  body.do('and');
}

/** Goes to the label unless the bytes from `at` on are in the sets, one after the other. */
export function word(body: Body, lows: readonly Low[], failure: string): void {
  body.get(local.at).number(lows.length).do('add').get(local.end).do('gt').brIf(failure);
  for (let offset = 0; offset < lows.length; ) {
    const four = lows.slice(offset, offset + 4).map(onlyOf);
    if (four.length === 4 && four.every((code) => code >= 0)) {
      body.get(local.at).memory('load', offset);
      body
        .number(four.reduceRight((value, code) => (value << 8) | code, 0))
        .do('ne')
        .brIf(failure);
      offset += 4;
    } else {
      isIn(body, lows[offset] ?? new Uint8Array(128), offset);
      body.do('eqz').brIf(failure);
      offset += 1;
    }
  }
  body.get(local.at).number(lows.length).do('add').set(local.at);
}

/** The one character of a set; -1 where it has others. */
function onlyOf(low: Low): number {
  const [range, ...more] = rangesOf(low, 1);
  return range !== undefined && more.length === 0 && range[0] === range[1] ? range[0] : -1;
}

/** First and last of the characters that are in the set (1), or that are not (0). */
function rangesOf(low: Low, wanted: 0 | 1): [number, number][] {
  const ranges: [number, number][] = [];
  for (let byte = 0; byte < 128; byte += 1) {
    if (low[byte] !== wanted) continue;
    const last = ranges.at(-1);
    if (last !== undefined && last[1] === byte - 1) last[1] = byte;
    else ranges.push([byte, byte]);
  }
  return ranges;
}

/** The end of a function; the steps that remain are left for whoever called it. */
export function leave(body: Body, result: number): void {
  body.number(place.steps).get(local.steps).memory('store').number(result).do('return');
}
