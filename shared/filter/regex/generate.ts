/**
 * Writes the instructions of the matcher as JavaScript, for texts in ASCII: the same search as the matcher's, some twenty
 * times as fast. Nothing but numbers goes from the expression into the code. What is rare is left to the matcher.
 */

import type { Instruction, Program, SetTest } from './program.ts';

/** The names under which a Search takes its parameters. */
export const parameters = ['bytes', 'marks', 'registers', 'stack', 'state', 'low'];

export interface Generated {
  /** The body of a Search. */
  readonly body: string;
  readonly low: Uint8Array;
  /** The sets of characters with which every match begins, where it can only be at the begin of the text. */
  readonly lead: readonly Uint8Array[];
}

/** An expression that comes to more would take V8 long to compile. */
const instructionsMax = 1_000;
/** Numbers on the stack of ways, three for each, with which a search goes on. */
const waysMax = 3 * 1_024;
/** What is put on it before it is looked at again comes to two ways an instruction at the most. */
export const stackSize = waysMax + 3 * 2 * instructionsMax;
/** So many characters at the begin are held against a text before its search is begun. */
const leadMax = 6;
/** A set of more ranges is looked up in a table. */
const rangesMax = 3;

/** So far it is looked for what a way may begin with. */
const firstDepthMax = 14;

const restoreMark = -1;
const restoreRegister = -2;

const folded = 'const folded = (byte) => byte >= 65 && byte <= 90 ? byte + 32 : byte;';

/** Null for what only the matcher can do. */
export function generate(program: Program): Generated | null {
  if (program.code.length > instructionsMax) return null;
  const writer = new Writer(program);
  const main = writer.routine(0, 'main');
  if (main === null) return null;
  return {
    body: `'use strict';\n${folded}\n${writer.asides.join('\n')}\n${writer.searching(main)}`,
    low: writer.low(),
    lead: leadOf(program),
  };
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
  readonly asides: string[] = [];
  readonly #program: Program;
  readonly #tables: Uint8Array[] = [];

  constructor(program: Program) {
    this.#program = program;
  }

  low(): Uint8Array {
    const low = new Uint8Array(128 * this.#tables.length);
    for (const [index, table] of this.#tables.entries()) low.set(table, 128 * index);
    return low;
  }

  /** The search from every place where a match may start. */
  searching(main: string): string {
    const { anchored, first } = this.#program;
    const skip = first === null ? '' : `if (start >= n || !(${this.isIn(first, 'start')})) continue;`;
    return `const n = bytes.length;
let steps = state[0], at = 0, top = 0, pc = 0, more = 0, end = 0;
for (let start = 0; start <= ${anchored ? '0' : 'n'}; start++) {
${anchored ? '' : 'if ((start & 7) === 7) steps--;'}
${skip}
at = start; top = 0; pc = 0;
${main}
}
state[0] = steps;
return 0;`;
  }

  /** The condition that the byte at a place is in a set; NaN-safe only where the place is inside of the text. */
  isIn(test: SetTest, place: string): string {
    return this.isOneOf(test.low, place);
  }

  isOneOf(set: Uint8Array, place: string): string {
    const ranges = rangesOf(set);
    const byte = `bytes[${place}]`;
    if (ranges.length === 0) return 'false';
    if (ranges.length > rangesMax) return `low[${128 * this.#table(set)} + ${byte}] === 1`;
    return ranges
      .map(([lo, hi]) => {
        if (lo === 0 && hi === 127) return 'true';
        if (lo === hi) return `${byte} === ${lo}`;
        if (lo === 0) return `${byte} <= ${hi}`;
        return hi === 127 ? `${byte} >= ${lo}` : `(${byte} >= ${lo} && ${byte} <= ${hi})`;
      })
      .join(' || ');
  }

  #table(set: Uint8Array): number {
    const known = this.#tables.findIndex((table) => table.every((value, at) => value === set[at]));
    return known < 0 ? this.#tables.push(set) - 1 : known;
  }

  /** The instructions from `begin` to their `match`, as a loop over a switch. Null for what cannot be written. */
  routine(begin: number, kind: 'main' | 'aside'): string | null {
    const routine = new Routine(this, this.#program.code, kind);
    return routine.write(begin);
  }

  /** A function for the body of a look-around: 1, 0, or -1 as a Search. Null for a body that catches groups. */
  aside(begin: number): string | null {
    const name = `aside${begin}`;
    if (this.asides.some((text) => text.startsWith(`function ${name}(`))) return name;
    const body = this.routine(begin, 'aside');
    if (body === null) return null;
    this.asides.push(`function ${name}(bytes, at, marks, stack, base, state, low) {
const n = bytes.length;
let steps = state[0], top = base, pc = ${begin}, more = 0;
${body}
}`);
    return name;
  }
}

/** One run of instructions: the main one, or the body of a look-around. */
class Routine {
  readonly #writer: Writer;
  readonly #code: readonly Instruction[];
  readonly #kind: 'main' | 'aside';
  readonly #resumes: string[] = [];
  #possible = true;

  constructor(writer: Writer, code: readonly Instruction[], kind: 'main' | 'aside') {
    this.#writer = writer;
    this.#code = code;
    this.#kind = kind;
  }

  write(begin: number): string | null {
    const reached = reachable(this.#code, begin);
    const targets = targetsOf(this.#code, reached, begin);
    const lines: string[] = [];
    let word: SetTest[] = [];
    for (const [pc, instruction] of this.#code.entries()) {
      if (!reached.has(pc)) continue;
      if (targets.has(pc)) lines.push(`case ${pc}:`);
      const next = nextOf(pc, instruction);
      const goesOn = next !== null && next === followerOf(reached, pc);
      if (instruction.op === 'char' && instruction.count === 1) word.push(instruction.test);
      if (word.length > 0 && (!goesOn || targets.has(next) || !isLetter(this.#code[next]))) {
        lines.push(this.#word(word));
        word = [];
      }
      if (!isLetter(instruction)) lines.push(this.#instruction(pc, instruction));
      // what does not come next in the text of the program has to be jumped to
      if (next !== null && !goesOn) lines.push(`pc = ${next}; continue;`);
    }
    if (!this.#possible) return null;
    const failure = this.#kind === 'main' ? 'break;' : 'state[0] = steps; return 0;';
    return `for (;;) {
if (--steps < 0 || top >= ${waysMax}) { state[0] = 0; return -1; }
run: switch (pc) {
${lines.join('\n')}
${this.#resumes.join('\n')}
}
let found = false;
while (top > ${this.#kind === 'main' ? 0 : 'base'}) {
  top -= 3;
  pc = stack[top]; at = stack[top + 1]; more = stack[top + 2];
  if (pc >= 0) { found = true; break; }
  ${this.#kind === 'main' ? `if (pc === ${restoreMark}) marks[at] = more; else registers[at] = more;` : ''}
}
if (!found) ${this.#kind === 'main' ? failure : `{ ${failure} }`}
}`;
  }

  #instruction(pc: number, instruction: Instruction): string {
    switch (instruction.op) {
      case 'char':
        return this.#char(instruction);
      case 'run':
        return this.#run(pc, instruction);
      case 'split':
        return this.#split(instruction);
      case 'jump':
        return '';
      case 'save':
        return this.#save(instruction.slot);
      case 'enter':
        return this.#setRegister(instruction.register, '-1');
      case 'until':
        return this.#until(pc, instruction);
      case 'anchor':
        return `if (!(${anchorTest(instruction.anchor)})) break run;`;
      case 'boundary':
        return this.#boundary(instruction);
      case 'look':
        return this.#look(pc, instruction);
      case 'conditional': {
        const { group, no } = instruction;
        const isSet = `(marks[${2 * group}] >= 0 && marks[${2 * group + 1}] >= marks[${2 * group}])`;
        return `if (!${isSet}) { pc = ${no}; continue; }`;
      }
      case 'backref':
        return this.#backref(instruction);
      case 'atomic':
        return this.#impossible();
      case 'match':
        return this.#kind === 'main' ? 'state[0] = steps; return 1;' : 'state[0] = steps; return 1;';
    }
  }

  /** The condition that what comes at an instruction may begin here; '' where that cannot be told from one character. */
  #mayBegin(pc: number): string {
    const first = firstAt(this.#code, pc);
    return first === null ? '' : `(at < n && (${this.#writer.isOneOf(first, 'at')}))`;
  }

  /** A way that fails at its first character is not gone, and not left on the stack. */
  #split({ first, second }: Instruction & { op: 'split' }): string {
    const begin = this.#mayBegin(first);
    const otherwise = this.#mayBegin(second);
    const push = this.#push(String(second), 'at', '0');
    const leave = otherwise === '' ? push : `if ${otherwise} { ${push} }`;
    return begin === '' ? leave : `if (!${begin}) { pc = ${second}; continue; }\n${leave}`;
  }

  #impossible(): string {
    this.#possible = false;
    return '';
  }

  #push(entry: string, first: string, second: string): string {
    return `stack[top] = ${entry}; stack[top + 1] = ${first}; stack[top + 2] = ${second}; top += 3;`;
  }

  /** Characters in a row. */
  #word(tests: readonly SetTest[]): string {
    const all = tests.map((test, index) => `(${this.#writer.isIn(test, index === 0 ? 'at' : `at + ${index}`)})`);
    return `if (at + ${tests.length} > n || !(${all.join(' && ')})) break run;\nat += ${tests.length};`;
  }

  #char({ test, count }: Instruction & { op: 'char' }): string {
    return `if (at + ${count} > n) break run;
for (let i = 0; i < ${count}; i++) if (!(${this.#writer.isIn(test, 'at + i')})) break run;
at += ${count}; steps -= ${count >> 2};`;
  }

  /** A repeat of one character: as far as it goes, then back step by step; or the other way round. */
  #run(pc: number, { test, max, greedy }: Instruction & { op: 'run' }): string {
    const resume = this.#code.length + pc;
    const isIn = this.#writer.isIn(test, 'at');
    const next = `pc = ${pc + 1}; continue;`;
    const begin = this.#mayBegin(pc + 1);
    if (!greedy) {
      const spent = max === Infinity ? '' : 'if (more === 0) break run; more--;';
      const until = begin === '' ? 'break;' : `if ${begin} break;`;
      this.#resumes.push(`case ${resume}: for (;;) { ${spent} if (at >= n || !(${isIn})) break run;
at++; if ((at & 3) === 3) steps--; ${until} }
${this.#push(String(resume), 'at', 'more')} ${next}`);
      return this.#push(String(resume), 'at', max === Infinity ? '0' : String(max));
    }
    const back = begin === '' ? '' : `const was = at; while (at > more && !${begin}) at--; steps -= (was - at) >> 2;`;
    this.#resumes.push(
      `case ${resume}: { at--; ${back} } if (at > more) { ${this.#push(String(resume), 'at', 'more')} } ${next}`,
    );
    const limit = max === Infinity ? 'n' : `Math.min(n, at + ${max})`;
    return `{ const from = at, limit = ${limit};
while (at < limit && (${isIn})) at++;
if (at > from) { ${this.#push(String(resume), 'at', 'from')} }
steps -= (at - from) >> 2; }`;
  }

  #save(slot: number): string {
    if (this.#kind === 'aside') return this.#impossible();
    return `${this.#push(String(restoreMark), String(slot), `marks[${slot}]`)} marks[${slot}] = at;`;
  }

  #setRegister(register: number, value: string): string {
    if (this.#kind === 'aside') return this.#impossible();
    return `${this.#push(String(restoreRegister), String(register), `registers[${register}]`)} registers[${register}] = ${value};`;
  }

  /** A loop whose rounds may be empty: no round begins where the one before it began. */
  #until(pc: number, { register, tail, greedy }: Instruction & { op: 'until' }): string {
    const leave = `{ pc = ${tail}; continue; }`;
    const same = `if (registers[${register}] === at) ${leave}`;
    const enter = this.#setRegister(register, 'at');
    if (greedy) return `${same}\n${this.#push(String(tail), 'at', '0')}\n${enter}`;
    const resume = this.#code.length + pc;
    this.#resumes.push(`case ${resume}: ${enter} pc = ${pc + 1}; continue;`);
    return `${same}\n${this.#push(String(resume), 'at', '0')} pc = ${tail}; continue;`;
  }

  #boundary({ word, negative }: Instruction & { op: 'boundary' }): string {
    const before = `(at > 0 && (${this.#writer.isIn(word, 'at - 1')}))`;
    const after = `(at < n && (${this.#writer.isIn(word, 'at')}))`;
    return `if (n === 0 || (${before} ${negative ? '!==' : '==='} ${after})) break run;`;
  }

  #look(pc: number, { negative, back }: Instruction & { op: 'look' }): string {
    const name = this.#writer.aside(pc + 1);
    if (name === null) return this.#impossible();
    const from = back === null ? 'at' : `at - ${back}`;
    const call = `{ state[0] = steps; const reached = ${name}(bytes, ${from}, marks, stack, top, state, low); steps = state[0];
if (reached < 0) return -1; if (reached === ${negative ? 1 : 0}) break run; }`;
    if (back === null) return call;
    const inside = `if (at >= ${back}) ${call}`;
    return negative ? inside : `if (at < ${back}) break run; ${call}`;
  }

  #backref({ group, fold }: Instruction & { op: 'backref' }): string {
    // of ASCII only letters have another case, whatever is folded
    const same =
      fold === 'none' ? 'bytes[i] === bytes[at + i - from]' : 'folded(bytes[i]) === folded(bytes[at + i - from])';
    return `{ const from = marks[${2 * group}], to = marks[${2 * group + 1}];
if (from < 0 || to < from || at + to - from > n) break run;
let same = true;
for (let i = from; i < to && same; i++) same = ${same};
if (!same) break run;
steps -= (to - from) >> 2; at += to - from; }`;
  }
}

function isLetter(instruction: Instruction | undefined): boolean {
  return instruction?.op === 'char' && instruction.count === 1;
}

function rangesOf(low: Uint8Array): [number, number][] {
  const ranges: [number, number][] = [];
  for (let byte = 0; byte < 128; byte += 1) {
    if (low[byte] !== 1) continue;
    const last = ranges.at(-1);
    if (last !== undefined && last[1] === byte - 1) last[1] = byte;
    else ranges.push([byte, byte]);
  }
  return ranges;
}

function anchorTest(anchor: (Instruction & { op: 'anchor' })['anchor']): string {
  switch (anchor) {
    case 'text-start':
      return 'at === 0';
    case 'line-start':
      return 'at === 0 || bytes[at - 1] === 10';
    case 'text-end':
      return 'at === n';
    case 'line-end':
      return 'at === n || bytes[at] === 10';
    case 'last-line-end':
      return 'at === n || (at === n - 1 && bytes[at] === 10)';
  }
}

/** The ASCII characters one of which must come at an instruction; null where none need to, or it is not known. */
function firstAt(code: readonly Instruction[], pc: number, depth = 0): Uint8Array | null {
  const instruction = code[pc];
  if (instruction === undefined || depth > firstDepthMax) return null;
  switch (instruction.op) {
    case 'char':
      return instruction.test.low;
    case 'run':
      return union(instruction.test.low, firstAt(code, pc + 1, depth + 1));
    case 'split':
      return union(firstAt(code, instruction.first, depth + 1), firstAt(code, instruction.second, depth + 1));
    case 'until':
      return union(firstAt(code, pc + 1, depth + 1), firstAt(code, instruction.tail, depth + 1));
    case 'conditional':
      return union(firstAt(code, pc + 1, depth + 1), firstAt(code, instruction.no, depth + 1));
    case 'jump':
      return firstAt(code, instruction.to, depth + 1);
    case 'look':
      return firstAt(code, instruction.next, depth + 1);
    case 'save':
    case 'enter':
    case 'anchor':
    case 'boundary':
      return firstAt(code, pc + 1, depth + 1);
    default:
      return null;
  }
}

function union(one: Uint8Array | null, other: Uint8Array | null): Uint8Array | null {
  if (one === null || other === null) return null;
  return one.map((value, at) => value | (other[at] ?? 0));
}

/** Where an instruction goes on if it does not fail; null where it says so itself. */
function nextOf(pc: number, instruction: Instruction): number | null {
  switch (instruction.op) {
    case 'jump':
      return instruction.to;
    case 'split':
      return instruction.first;
    case 'look':
    case 'atomic':
      return instruction.next;
    case 'match':
      return null;
    case 'until':
      return instruction.greedy ? pc + 1 : null;
    default:
      return pc + 1;
  }
}

/** All places that an instruction may go to, now or when the matcher comes back to it; bodies of look-arounds are none. */
function waysOf(pc: number, instruction: Instruction): number[] {
  switch (instruction.op) {
    case 'split':
      return [instruction.first, instruction.second];
    case 'until':
      return [pc + 1, instruction.tail];
    case 'conditional':
      return [pc + 1, instruction.no];
    default: {
      const next = nextOf(pc, instruction);
      return next === null ? [] : [next];
    }
  }
}

function reachable(code: readonly Instruction[], begin: number): ReadonlySet<number> {
  const found = new Set<number>([begin]);
  for (const pc of found) {
    const instruction = code[pc];
    if (instruction !== undefined) for (const way of waysOf(pc, instruction)) found.add(way);
  }
  return found;
}

/** Instructions that are gone to other than from the one before: each is a case of the switch. */
function targetsOf(code: readonly Instruction[], reached: ReadonlySet<number>, begin: number): ReadonlySet<number> {
  const targets = new Set<number>([begin]);
  for (const pc of reached) {
    const instruction = code[pc];
    if (instruction === undefined) continue;
    if (['run', 'until'].includes(instruction.op)) targets.add(pc + 1);
    for (const way of waysOf(pc, instruction)) if (way !== pc + 1 || instruction.op === 'split') targets.add(way);
  }
  return targets;
}

/** The next instruction of the same routine in the order of the program. */
function followerOf(reached: ReadonlySet<number>, pc: number): number {
  const last = Math.max(...reached);
  let next = pc + 1;
  while (!reached.has(next) && next <= last) next += 1;
  return next;
}
