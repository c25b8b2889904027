/** What a search in WebAssembly has in its one page of memory, and in its locals. */
import { ascii_bytes_max } from './subject.ts';

/** An expression that comes to more instructions would take long to compile. */
export const instructionsMax = 1_000;
/** Groups that a search can keep. */
export const groupsMax = 499;
/** Numbers on the stack of ways, three for each, with which a search goes on. */
const waysMax = 3 * 1_024;
/** What is put on it before it is looked at again comes to two ways an instruction at the most. */
const stackSize = waysMax + 3 * 2 * instructionsMax;

/** Addresses. All numbers take four bytes, but for those of the text. */
const marks = 64;
const registers = marks + 4 * 2 * (groupsMax + 1);
const stack = registers + 4 * instructionsMax;
export const place = {
  /** The steps that remain. */
  steps: 0,
  marks,
  registers,
  stack,
  /** A stack that is as high is full. */
  full: stack + 4 * waysMax,
  text: stack + 4 * stackSize,
  /** What is beyond is not touched. */
  end: stack + 4 * stackSize + ascii_bytes_max + 4,
} as const;

/** The first ones are parameters: three of the search, and with the next two all of a look-around. */
export const local = {
  /** Of the text. */
  begin: 0,
  end: 1,
  steps: 2,
  at: 3,
  /** Of the stack. */
  top: 4,
  pc: 5,
  more: 6,
  start: 7,
  byte: 8,
  from: 9,
  limit: 10,
  other: 11,
  /** Where the stack of a look-around begins. */
  base: 12,
} as const;

export const localsCount = 13;
