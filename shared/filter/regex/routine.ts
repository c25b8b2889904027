/** One loop of generated code: the instructions from one of them to their `match`, as a switch. */
import { firstAt, nextOf, reachable, targetsOf } from './flow.ts';
import type { Writer } from './generate.ts';
import type { Instruction, SetTest } from './program.ts';

/** An expression that comes to more would take V8 long to compile. */
export const instructionsMax = 1_000;
/** Numbers on the stack of ways, three for each, with which a search goes on. */
const waysMax = 3 * 1_024;
/** What is put on it before it is looked at again comes to two ways an instruction at the most. */
export const stackSize = waysMax + 3 * 2 * instructionsMax;

const restoreMark = -1;
const restoreRegister = -2;

/** One run of instructions: the main one, or the body of a look-around. */
export class Routine {
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
    const order = [...reached].toSorted((one, other) => one - other);
    for (const [place, pc] of order.entries()) {
      const instruction = this.#code[pc];
      if (instruction === undefined) continue;
      if (targets.has(pc)) lines.push(`case ${pc}:`);
      const next = nextOf(pc, instruction);
      const goesOn = next !== null && next === order[place + 1];
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
    const before = `(at > begin && (${this.#writer.isIn(word, 'at - 1')}))`;
    const after = `(at < n && (${this.#writer.isIn(word, 'at')}))`;
    return `if (n === begin || (${before} ${negative ? '!==' : '==='} ${after})) break run;`;
  }

  #look(pc: number, { negative, back }: Instruction & { op: 'look' }): string {
    const name = this.#writer.aside(pc + 1);
    if (name === null) return this.#impossible();
    const from = back === null ? 'at' : `at - ${back}`;
    const call = `{ state[0] = steps; const reached = ${name}(bytes, ${from}, marks, stack, top, state, low); steps = state[0];
if (reached < 0) return -1; if (reached === ${negative ? 1 : 0}) break run; }`;
    if (back === null) return call;
    const inside = `if (at >= begin + ${back}) ${call}`;
    return negative ? inside : `if (at < begin + ${back}) break run; ${call}`;
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

function anchorTest(anchor: (Instruction & { op: 'anchor' })['anchor']): string {
  switch (anchor) {
    case 'text-start':
      return 'at === begin';
    case 'line-start':
      return 'at === begin || bytes[at - 1] === 10';
    case 'text-end':
      return 'at === n';
    case 'line-end':
      return 'at === n || bytes[at] === 10';
    case 'last-line-end':
      return 'at === n || (at === n - 1 && bytes[at] === 10)';
  }
}
