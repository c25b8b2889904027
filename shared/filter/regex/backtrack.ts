/** The part of generated code that goes from case to case, and back: the jump table and the stack of ways. */
import { isInside } from './byte-tests.ts';
import { firstAt } from './flow.ts';
import type { Instruction } from './program.ts';
import { local, place } from './room.ts';
import type { Body } from './wasm.ts';

/** On the stack in the place of a case: a number in memory is to be put back. */
const restoreMark = -1;
const stackEntry = 12;

export class Backtrack {
  readonly body: Body;
  readonly #code: readonly Instruction[];
  readonly #kind: 'main' | 'aside';
  /** The number of each case, by its key. */
  readonly #cases: ReadonlyMap<number, number>;
  /** False once there was something that only the matcher can do. */
  isPossible = true;

  /** `keys` are those of the cases, in the order in which they will be written: instructions, and `resumeOf` them. */
  constructor(body: Body, code: readonly Instruction[], kind: 'main' | 'aside', keys: readonly number[]) {
    this.body = body;
    this.#code = code;
    this.#kind = kind;
    this.#cases = new Map(keys.map((key, index) => [key, index]));
  }

  /** The key of the case that goes on with an instruction when it is come back to. */
  resumeOf(pc: number): number {
    return this.#code.length + pc;
  }

  caseOf(pc: number): number {
    const known = this.#cases.get(pc);
    if (known === undefined) throw new Error(`no case for ${pc}`);
    return known;
  }

  /** A round of the loop `next`; without steps or room on the stack it is the last. */
  spendOne(): void {
    const body = this.body;
    body.get(local.steps).number(1).do('sub').tee(local.steps).number(0).do('lt');
    body.get(local.top).number(place.full).do('ge', 'or').if();
    body.number(place.steps).number(0).memory('store').number(-1).do('return');
    body.end();
  }

  /** Opens a block for each case, and goes to the end of the one that is wanted. */
  dispatch(): void {
    const labels = [...this.#cases.keys()].map(labelOf);
    for (const label of labels.toReversed()) this.body.block(label);
    this.body.block('table').get(local.pc).brTable(labels, 'fail').end();
  }

  /** Forwards at once, back by the table: so every round costs a step. */
  jump(pc: number): void {
    const label = labelOf(pc);
    if (this.body.isInside(label)) this.body.br(label);
    else this.body.number(this.caseOf(pc)).set(local.pc).br('next');
  }

  /** Takes the last way from the stack; where there is none, goes to the label `over`. */
  goBack(): void {
    const body = this.body;
    body.loop('back').get(local.top);
    if (this.#kind === 'main') body.number(place.stack);
    else body.get(local.base);
    body.do('le').brIf('over');
    body.get(local.top).number(stackEntry).do('sub').tee(local.top).memory('load', 4).set(local.at);
    body.get(local.top).memory('load', 8).set(local.more);
    body.get(local.top).memory('load').tee(local.pc).number(0).do('ge').brIf('next');
    body.get(local.at, local.more).memory('store').br('back').end();
  }

  /** Says whether what comes at an instruction may begin here; false where that cannot be told from one character. */
  mayBegin(pc: number): boolean {
    const first = firstAt(this.#code, pc);
    if (first !== null) isInside(this.body, first);
    return first !== null;
  }

  /** A way to come back to: a case, and two numbers for it. */
  push(entry: number, more: () => void, at: () => void = () => this.body.get(local.at)): void {
    const body = this.body;
    body.get(local.top).number(entry).memory('store').get(local.top);
    at();
    body.memory('store', 4).get(local.top);
    more();
    body.memory('store', 8).get(local.top).number(stackEntry).do('add').set(local.top);
  }

  /** A quarter of a step for each character. */
  spend(characters: () => void): void {
    this.body.get(local.steps);
    characters();
    this.body.number(2).do('shr', 'sub').set(local.steps);
  }

  /** Sets a number in memory, which a way back undoes. */
  setNumber(address: number, value: () => void): void {
    const body = this.body;
    if (this.#kind === 'aside') this.isPossible = false;
    const old = () => body.number(address).memory('load');
    this.push(restoreMark, old, () => body.number(address));
    body.number(address);
    value();
    body.memory('store');
  }
}

function labelOf(pc: number): string {
  return `case ${pc}`;
}
