/** Instructions that ask about a place of a text and about what was caught before it. */
import { isIn } from './byte-tests.ts';
import { local, place } from './room.ts';
import type { Anchor } from './tree.ts';
import type { Body } from './wasm.ts';

const newline = 10;

/** Goes to the label unless `at` is where the anchor holds. */
export function isAt(body: Body, anchor: Anchor, failure: string): void {
  const isStart = anchor === 'text-start' || anchor === 'line-start';
  body.get(local.at, isStart ? local.begin : local.end).do('eq');
  // one byte beyond an edge there is memory, too
  if (anchor === 'line-start') body.get(local.at).number(1).do('sub').memory('load8').number(newline).do('eq', 'or');
  if (anchor === 'line-end') body.get(local.at).memory('load8').number(newline).do('eq', 'or');
  if (anchor === 'last-line-end') {
    body.get(local.at).number(1).do('add').get(local.end).do('eq');
    body.get(local.at).memory('load8').number(newline).do('eq', 'and', 'or');
  }
  body.do('eqz').brIf(failure);
}

/** Goes to the label unless exactly one side of `at` (or, `negative`, both or none) is of a word. */
export function isBoundary(body: Body, word: Uint8Array, negative: boolean, failure: string): void {
  body.get(local.end, local.begin).do('eq').brIf(failure);
  body.get(local.at, local.begin).do('gt').get(local.at).number(1).do('sub').set(local.other);
  isIn(body, word, 0, local.other);
  body.do('and').get(local.at, local.end).do('lt');
  isIn(body, word);
  body.do('and', negative ? 'ne' : 'eq').brIf(failure);
}

function mark(body: Body, group: number, edge: 0 | 1): void {
  body.number(place.marks + 4 * (2 * group + edge)).memory('load');
}

/** 1 if the group has caught something. */
export function isSet(body: Body, group: number): void {
  mark(body, group, 0);
  body.number(0).do('ge');
  mark(body, group, 1);
  mark(body, group, 0);
  body.do('ge', 'and');
}

/** Goes over what the group has caught once more, or to the label. Of ASCII only letters have another case. */
export function again(body: Body, group: number, foldsCase: boolean, failure: string): void {
  isSet(body, group);
  body.do('eqz').brIf(failure);
  mark(body, group, 0);
  body.set(local.from);
  mark(body, group, 1);
  body.tee(local.limit).get(local.from).do('sub').tee(local.other).get(local.at).do('add').get(local.end).do('gt');
  body.brIf(failure).get(local.steps, local.other).number(2).do('shr', 'sub').set(local.steps);
  body.block('out').loop('each').get(local.from, local.limit).do('ge').brIf('out');
  for (const at of [local.from, local.at]) {
    body.get(at).memory('load8');
    if (foldsCase) folded(body);
  }
  body.do('ne').brIf(failure);
  for (const at of [local.from, local.at]) body.get(at).number(1).do('add').set(at);
  body.br('each').end().end();
}

/** The byte on the stack in lower case. */
function folded(body: Body): void {
  body.tee(local.byte).number(65).do('sub').number(26).do('ltUnsigned').number(5).do('shl');
  body.get(local.byte).do('add');
}
