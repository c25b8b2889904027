/** One loop of generated code: the instructions from one of them to their `match`, as the cases of a jump table. */
import { again, isAt, isBoundary, isSet } from './assertions.ts';
import { Backtrack } from './backtrack.ts';
import { leave, word } from './byte-tests.ts';
import { nextOf, reachable, targetsOf } from './flow.ts';
import type { Instruction } from './program.ts';
import { char, longer, run, shorter } from './repeats.ts';
import { local, place } from './room.ts';
import type { Body } from './wasm.ts';

/** The number of the function for the body of a look-around; null for a body that catches groups. */
export type Aside = (begin: number) => number | null;

/** One run of instructions: the main one, or the body of a look-around. */
export class Routine {
  readonly #body: Body;
  readonly #code: readonly Instruction[];
  readonly #aside: Aside;
  readonly #back: Backtrack;
  readonly #order: readonly number[];
  readonly #targets: ReadonlySet<number>;
  readonly #begin: number;

  constructor(body: Body, code: readonly Instruction[], kind: 'main' | 'aside', begin: number, aside: Aside) {
    const reached = reachable(code, begin);
    this.#body = body;
    this.#code = code;
    this.#aside = aside;
    this.#begin = begin;
    this.#order = [...reached].toSorted((one, other) => one - other);
    this.#targets = targetsOf(code, reached, begin);
    const keys = [...this.#order.filter((pc) => this.#targets.has(pc)), ...this.#resumed.map((pc) => code.length + pc)];
    this.#back = new Backtrack(body, code, kind, keys);
  }

  /** False for what cannot be written. Goes to the label `over` where no way is left. */
  write(): boolean {
    const body = this.#body;
    body.number(this.#back.caseOf(this.#begin)).set(local.pc).loop('next');
    this.#back.spendOne();
    body.block('fail');
    this.#back.dispatch();
    this.#writeAll();
    for (const pc of this.#resumed) {
      body.end();
      this.#resume(pc);
    }
    body.end();
    this.#back.goBack();
    body.end();
    return this.#back.isPossible;
  }

  /** Those that are gone back to by cases of their own. */
  get #resumed(): readonly number[] {
    return this.#order.filter((pc) => isResumed(this.#code[pc]));
  }

  #writeAll(): void {
    const order = this.#order;
    let letters: Uint8Array[] = [];
    for (const [index, pc] of order.entries()) {
      const instruction = this.#code[pc];
      if (instruction === undefined) continue;
      if (this.#targets.has(pc)) this.#body.end();
      const next = nextOf(pc, instruction);
      const goesOn = next !== null && next === order[index + 1];
      if (isLetter(instruction)) letters.push(instruction.test.low);
      const ends = !goesOn || this.#targets.has(next) || !isLetter(this.#code[next]);
      if (letters.length > 0 && ends) {
        word(this.#body, letters, 'fail');
        letters = [];
      }
      if (!isLetter(instruction)) this.#instruction(pc, instruction);
      // what does not come next has to be jumped to
      if (next !== null && !goesOn) this.#back.jump(next);
    }
  }

  #instruction(pc: number, instruction: Instruction): void {
    const body = this.#body;
    switch (instruction.op) {
      case 'char':
        char(this.#back, instruction);
        return;
      case 'run':
        run(this.#back, pc, instruction);
        return;
      case 'split':
        this.#split(instruction);
        return;
      case 'save':
        this.#back.setNumber(place.marks + 4 * instruction.slot, () => body.get(local.at));
        return;
      case 'enter':
        this.#back.setNumber(registerAt(instruction), () => body.number(-1));
        return;
      case 'until':
        this.#until(pc, instruction);
        return;
      case 'anchor':
        isAt(body, instruction.anchor, 'fail');
        return;
      case 'boundary':
        isBoundary(body, instruction.word.low, instruction.negative, 'fail');
        return;
      case 'look':
        this.#look(pc, instruction);
        return;
      case 'conditional':
        this.#conditional(instruction);
        return;
      case 'backref':
        again(body, instruction.group, instruction.fold !== 'none', 'fail');
        return;
      case 'atomic':
        this.#back.isPossible = false;
        return;
      case 'match':
        leave(body, 1);
        return;
      case 'jump':
        return;
    }
  }

  /** A way that fails at its first character is not gone, and not left on the stack. */
  #split({ first, second }: Instruction & { op: 'split' }): void {
    const body = this.#body;
    if (this.#back.mayBegin(first)) {
      body.do('eqz').if();
      this.#back.jump(second);
      body.end();
    }
    const tells = this.#back.mayBegin(second);
    if (tells) body.if();
    this.#back.push(this.#back.caseOf(second), () => body.number(0));
    if (tells) body.end();
  }

  #resume(pc: number): void {
    const instruction = this.#code[pc];
    const body = this.#body;
    if (instruction?.op === 'until') this.#back.setNumber(registerAt(instruction), () => body.get(local.at));
    else if (instruction?.op === 'run' && instruction.greedy) shorter(this.#back, pc);
    else if (instruction?.op === 'run') longer(this.#back, pc, instruction);
    this.#back.jump(pc + 1);
  }

  /** A loop whose rounds may be empty: no round begins where the one before it began. */
  #until(pc: number, instruction: Instruction & { op: 'until' }): void {
    const body = this.#body;
    const { tail, greedy } = instruction;
    body.number(registerAt(instruction)).memory('load').get(local.at).do('eq').if();
    this.#back.jump(tail);
    body.end();
    this.#back.push(this.#back.caseOf(greedy ? tail : this.#back.resumeOf(pc)), () => body.number(0));
    if (greedy) this.#back.setNumber(registerAt(instruction), () => body.get(local.at));
    else this.#back.jump(tail);
  }

  #conditional({ group, no }: Instruction & { op: 'conditional' }): void {
    isSet(this.#body, group);
    this.#body.do('eqz').if();
    this.#back.jump(no);
    this.#body.end();
  }

  #look(pc: number, { negative, back }: Instruction & { op: 'look' }): void {
    const body = this.#body;
    const aside = this.#aside(pc + 1);
    if (aside === null) this.#back.isPossible = false;
    // behind what is too near to the begin nothing can stand
    body
      .get(local.begin)
      .number(back ?? 0)
      .do('add')
      .get(local.at)
      .do('le');
    if (negative) body.if();
    else body.do('eqz').brIf('fail');
    body.number(place.steps).get(local.steps).memory('store');
    body
      .get(local.begin, local.end, local.steps, local.at)
      .number(back ?? 0)
      .do('sub')
      .get(local.top);
    body
      .call(aside ?? 0)
      .set(local.other)
      .number(place.steps)
      .memory('load')
      .set(local.steps);
    body.get(local.other).number(0).do('lt').if().number(-1).do('return').end();
    body
      .get(local.other)
      .number(negative ? 1 : 0)
      .do('eq')
      .brIf('fail');
    if (negative) body.end();
  }
}

function isLetter(instruction: Instruction | undefined): instruction is Instruction & { op: 'char' } {
  return instruction?.op === 'char' && instruction.count === 1;
}

/** Is it gone back to by a case of its own? */
function isResumed(instruction: Instruction | undefined): boolean {
  return instruction?.op === 'run' || (instruction?.op === 'until' && !instruction.greedy);
}

function registerAt({ register }: { readonly register: number }): number {
  return place.registers + 4 * register;
}
