/** Writes WebAssembly: the bodies of functions instruction by instruction, with labels by name, and the module around them. */

const op = {
  block: 0x02,
  loop: 0x03,
  if: 0x04,
  else: 0x05,
  end: 0x0b,
  br: 0x0c,
  brIf: 0x0d,
  brTable: 0x0e,
  i32Const: 0x41,
  i64Const: 0x42,
} as const;

/** Instructions without operands of their own, and those with an index. */
const plain = {
  return: 0x0f,
  select: 0x1b,
  eqz: 0x45,
  eq: 0x46,
  ne: 0x47,
  lt: 0x48,
  ltUnsigned: 0x49,
  gt: 0x4a,
  le: 0x4c,
  leUnsigned: 0x4d,
  ge: 0x4e,
  add: 0x6a,
  sub: 0x6b,
  and: 0x71,
  or: 0x72,
  shl: 0x74,
  shr: 0x75,
  shr64: 0x88,
  wrap: 0xa7,
  widen: 0xad,
} as const;

const access = { load: 0x28, load8: 0x2d, store: 0x36 } as const;
const noResult = 0x40;
const i32 = 0x7f;

/** Puts a number in LEB128 behind the bytes: one of 32 bits with a sign, of 64, or without a sign. */
function putSigned(bytes: number[], value: number): void {
  let left = value | 0;
  while (left < -64 || left > 63) {
    bytes.push((left & 0x7f) | 0x80);
    left >>= 7;
  }
  bytes.push(left & 0x7f);
}

function putLong(bytes: number[], value: bigint): void {
  let left = value;
  while (left < -64n || left > 63n) {
    bytes.push(Number(left & 0x7fn) | 0x80);
    left >>= 7n;
  }
  bytes.push(Number(left & 0x7fn));
}

function putUnsigned(bytes: number[], value: number): void {
  let left = value;
  while (left > 127) {
    bytes.push((left & 0x7f) | 0x80);
    left >>>= 7;
  }
  bytes.push(left);
}

function unsigned(value: number): number[] {
  const bytes: number[] = [];
  putUnsigned(bytes, value);
  return bytes;
}

/** The body of a function. All its numbers are of 32 bits, but for those of `bits`. */
export class Body {
  readonly #bytes: number[] = [];
  /** How deep each open label lies; of two that have one name, the inner one. */
  readonly #depths = new Map<string, number>();
  readonly #labels: string[] = [];

  get bytes(): readonly number[] {
    return this.#bytes;
  }

  do(...names: (keyof typeof plain)[]): this {
    for (const name of names) this.#bytes.push(plain[name]);
    return this;
  }

  get(...locals: number[]): this {
    for (const local of locals) this.#bytes.push(0x20, local);
    return this;
  }

  set(local: number): this {
    this.#bytes.push(0x21, local);
    return this;
  }

  tee(local: number): this {
    this.#bytes.push(0x22, local);
    return this;
  }

  number(value: number): this {
    this.#bytes.push(op.i32Const);
    putSigned(this.#bytes, value);
    return this;
  }

  /** 64 bits. */
  bits(value: bigint): this {
    this.#bytes.push(op.i64Const);
    putLong(this.#bytes, BigInt.asIntN(64, value));
    return this;
  }

  /** Memory at the address on the stack, so many bytes further. */
  memory(name: keyof typeof access, offset = 0): this {
    this.#bytes.push(access[name], 0);
    putUnsigned(this.#bytes, offset);
    return this;
  }

  call(index: number): this {
    this.#bytes.push(0x10);
    putUnsigned(this.#bytes, index);
    return this;
  }

  block(label: string): this {
    return this.#open(op.block, label);
  }

  loop(label: string): this {
    return this.#open(op.loop, label);
  }

  if(): this {
    return this.#open(op.if, '');
  }

  end(): this {
    this.#depths.delete(this.#labels.pop() ?? '');
    this.#bytes.push(op.end);
    return this;
  }

  /** To the end of a block, or the begin of a loop. */
  br(label: string): this {
    return this.#goto(op.br, label);
  }

  brIf(label: string): this {
    return this.#goto(op.brIf, label);
  }

  /** By the number on the stack. */
  brTable(labels: readonly string[], otherwise: string): this {
    this.#bytes.push(op.brTable);
    putUnsigned(this.#bytes, labels.length);
    for (const label of [...labels, otherwise]) putUnsigned(this.#bytes, this.#depth(label));
    return this;
  }

  /** Is the block still open? */
  isInside(label: string): boolean {
    return this.#depths.has(label);
  }

  #open(kind: number, label: string): this {
    this.#depths.set(label, this.#labels.length);
    this.#labels.push(label);
    this.#bytes.push(kind, noResult);
    return this;
  }

  #goto(kind: number, label: string): this {
    this.#bytes.push(kind);
    putUnsigned(this.#bytes, this.#depth(label));
    return this;
  }

  #depth(label: string): number {
    const depth = this.#depths.get(label);
    if (depth === undefined) throw new Error(`no label ${label}`);
    return this.#labels.length - 1 - depth;
  }
}

export interface WasmFunction {
  readonly parameters: number;
  /** Beside the parameters; all together are fewer than 128. */
  readonly locals: number;
  readonly body: Body;
}

/** A module that takes the memory `m.m` and offers its first function as `f`; all take and give numbers of 32 bits. */
export function moduleOf(functions: readonly WasmFunction[]): Uint8Array<ArrayBuffer> {
  const types = functions.map(({ parameters }) => [0x60, ...counted(new Array(parameters).fill([i32])), 1, i32]);
  const bodies = functions.map(({ locals, body }) => sized([1, locals, i32].concat(body.bytes, op.end)));
  const imports = [[...name('m'), ...name('m'), 2, 0, 1]];
  const indices = functions.map((_, index) => unsigned(index));
  const sections = [
    [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...[section(1, types), section(2, imports), section(3, indices), section(7, [[...name('f'), 0, 0]])],
    section(10, bodies),
  ];
  return new Uint8Array(sections.flat());
}

function section(id: number, entries: readonly (readonly number[])[]): number[] {
  return [id].concat(sized(counted(entries)));
}

function counted(entries: readonly (readonly number[])[]): number[] {
  return unsigned(entries.length).concat(...entries);
}

function sized(bytes: readonly number[]): number[] {
  return unsigned(bytes.length).concat(bytes);
}

function name(text: string): number[] {
  return [text.length, ...Array.from(text, (character) => character.charCodeAt(0))];
}
