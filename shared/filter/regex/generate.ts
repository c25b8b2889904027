/**
 * Writes the instructions of the matcher as WebAssembly, for texts in ASCII: the same search as the matcher's, some twenty
 * times as fast. What is rare is left to the matcher.
 */

import { isIn, leave } from './byte-tests.ts';
import { firstAt } from './flow.ts';
import type { Program } from './program.ts';
import { groupsMax, instructionsMax, local, localsCount, place } from './room.ts';
import { Routine } from './routine.ts';
import { Body, moduleOf, type WasmFunction } from './wasm.ts';

export interface Generated {
  /** A module that has a Search. */
  readonly module: Uint8Array<ArrayBuffer>;
  /** The sets of characters with which every match begins, where it can only be at the begin of the text. */
  readonly lead: readonly Uint8Array[];
}

/** So many characters at the begin are held against a text before its search is begun. */
const leadMax = 6;

/** Null for what only the matcher can do. */
export function generate(program: Program): Generated | null {
  if (program.code.length > instructionsMax || program.groups > groupsMax) return null;
  const module = new Writer(program).module();
  return module === null ? null : { module, lead: leadOf(program) };
}

function leadOf({ anchored, code }: Program): Uint8Array[] {
  const lead: Uint8Array[] = [];
  let pc = 0;
  while (anchored && lead.length < leadMax) {
    const instruction = code[pc];
    if (instruction?.op === 'char' && instruction.count === 1) lead.push(instruction.test.low);
    else if (instruction?.op !== 'save' && instruction?.op !== 'anchor') break;
    pc += 1;
  }
  const next = anchored ? firstAt(code, pc) : null;
  return next === null ? lead : [...lead, next];
}

class Writer {
  readonly #program: Program;
  readonly #functions: WasmFunction[] = [];
  /** The bodies of look-arounds: the number of the function; null for those that cannot be written. */
  readonly #asides = new Map<number, number | null>();

  constructor(program: Program) {
    this.#program = program;
  }

  module(): Uint8Array<ArrayBuffer> | null {
    return this.#search() ? moduleOf(this.#functions) : null;
  }

  /** The search from every place where a match may start. */
  #search(): boolean {
    const { anchored, first, code } = this.#program;
    const body = new Body();
    this.#functions.push({ parameters: 3, locals: localsCount - 3, body });
    body.get(local.begin).set(local.start).loop('search').block('over');
    if (!anchored) spendOne(body);
    if (first !== null) {
      body.get(local.start, local.end).do('ge').brIf('over');
      isIn(body, first.low, 0, local.start);
      body.do('eqz').brIf('over');
    }
    body.get(local.start).set(local.at).number(place.stack).set(local.top);
    const isWritten = new Routine(body, code, 'main', 0, (pc) => this.#aside(pc)).write();
    body.end().get(local.start).number(1).do('add').tee(local.start);
    body
      .get(anchored ? local.begin : local.end)
      .do('le')
      .brIf('search')
      .end();
    leave(body, 0);
    return isWritten;
  }

  /** A function for the body of a look-around: 1, 0, or -1 as a Search. */
  #aside(begin: number): number | null {
    const known = this.#asides.get(begin);
    if (known !== undefined) return known;
    const body = new Body();
    const index = this.#functions.push({ parameters: 5, locals: localsCount - 5, body }) - 1;
    this.#asides.set(begin, index);
    body.get(local.top).set(local.base).block('over');
    const isWritten = new Routine(body, this.#program.code, 'aside', begin, (pc) => this.#aside(pc)).write();
    body.end();
    leave(body, 0);
    if (!isWritten) this.#asides.set(begin, null);
    return isWritten ? index : null;
  }
}

/** Of eight places a search begins at, one costs a step. */
function spendOne(body: Body): void {
  body.get(local.steps, local.start).number(7).do('and').number(7).do('eq', 'sub').set(local.steps);
}
