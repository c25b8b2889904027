/** Blocks of a log in memory that two threads share: one reads and judges them in order, the other goes ahead and notes what it finds. */
import { Buffer } from 'node:buffer';
import { Foreseen, type NoteRoom } from '../../shared/filter/scout.ts';

const block_bytes = 1 << 16;
/** Of the notes of a block's lines; lines for which there is no room have none. */
const note_numbers = 1 << 15;
const blocks = 16;
/** The scout begins so many blocks ahead of the one that is being judged. */
const lead = 2;
/** How long the notes of a block are waited for: a scout that takes longer is dead. */
const patience_ms = 2_000;

/** Places in the numbers that both threads look at. */
const judged = 0;
const filled = 1;
const slots = 2;
/** Of each slot: its state, the bytes in it, the numbers of its notes. */
const perSlot = 3;

/** A block that nobody need look at any more, or yet; one that is to be looked at; one that the scout is at; one with notes. */
const empty = 0;
const fresh = 1;
const scouted = 2;
const noted = 3;

export interface Block {
  readonly bytes: Buffer;
  /** Notes of the lines that end in it. */
  readonly foreseen: Foreseen | null;
}

interface Slot {
  /** Where its numbers begin. */
  readonly at: number;
  readonly bytes: Buffer;
  readonly notes: NoteRoom;
}

const numbers_bytes = 4 * (slots + perSlot * blocks);

export class Ring {
  readonly memory: SharedArrayBuffer;
  readonly #numbers: Int32Array;
  readonly #slots: readonly Slot[];
  #lost = false;

  constructor(memory = new SharedArrayBuffer(blocks * (block_bytes + 2 * note_numbers) + numbers_bytes)) {
    this.memory = memory;
    this.#slots = Array.from({ length: blocks }, (_, index) => {
      const begin = index * (block_bytes + 2 * note_numbers);
      return {
        at: slots + perSlot * index,
        bytes: Buffer.from(memory, begin, block_bytes),
        notes: new Uint16Array(memory, begin + block_bytes, note_numbers),
      };
    });
    this.#numbers = new Int32Array(memory, blocks * (block_bytes + 2 * note_numbers));
  }

  /** The blocks of a log, each good until the next one is asked for. `read` fills a room and says how far; 0 is the end. */
  *blocks(read: (room: Buffer) => number): Generator<Block> {
    let ready = 0;
    let ended = false;
    for (let number = 0; !ended || number < ready; number += 1) {
      while (!ended && ready < number + blocks) {
        ended = !this.#fill(this.#slot(ready), read);
        if (!ended) ready += 1;
        Atomics.store(this.#numbers, filled, ready);
        Atomics.notify(this.#numbers, filled);
      }
      if (number < ready) yield this.#take(number);
    }
  }

  /** The scout's part, which never ends: hands it one block after the other. */
  scout(note: (bytes: Buffer, notes: NoteRoom) => number): never {
    const numbers = this.#numbers;
    for (let number = 0; ; number += 1) {
      number = Math.max(number, Atomics.load(numbers, judged) + lead);
      for (let ready = 0; ready <= number; ready = Atomics.load(numbers, filled)) Atomics.wait(numbers, filled, ready);
      const { at, bytes, notes } = this.#slot(number);
      if (Atomics.compareExchange(numbers, at, fresh, scouted) !== fresh) continue;
      numbers[at + 2] = note(bytes.subarray(0, numbers[at + 1]), notes);
      Atomics.store(numbers, at, noted);
      Atomics.notify(numbers, at);
    }
  }

  #slot(number: number): Slot {
    const slot = this.#slots[number % blocks];
    if (slot === undefined) throw new Error(`no slot for block ${number}`);
    return slot;
  }

  #fill({ at, bytes }: Slot, read: (room: Buffer) => number): boolean {
    const count = read(bytes);
    this.#numbers[at + 1] = count;
    Atomics.store(this.#numbers, at, count > 0 && !this.#lost ? fresh : empty);
    return count > 0;
  }

  #take(number: number): Block {
    const { at, bytes, notes } = this.#slot(number);
    const numbers = this.#numbers;
    Atomics.store(numbers, judged, number);
    const isFresh = Atomics.compareExchange(numbers, at, fresh, empty) === fresh;
    const hasNotes = !isFresh && !this.#lost && this.#awaited(at);
    const block = bytes.subarray(0, numbers[at + 1]);
    return { bytes: block, foreseen: hasNotes ? new Foreseen(notes, numbers[at + 2] ?? 0) : null };
  }

  /** Without the scout it goes on as well, only slower; what it may still write is not looked at. */
  #awaited(at: number): boolean {
    this.#lost = Atomics.wait(this.#numbers, at, scouted, patience_ms) === 'timed-out';
    return !this.#lost;
  }
}
