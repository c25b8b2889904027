/** A thread that goes ahead of the filter through a long log, where there is a second processor (`scouts.ts` starts it). */
import { workerData } from 'node:worker_threads';
import type { FilterConf } from '../../shared/filter/filter.ts';
import type { Re2 } from '../../shared/filter/regex/pattern.ts';
import { type NoteRoom, Scout } from '../../shared/filter/scout.ts';
import { asciiText } from '../agent/decoder.ts';
import { localZone } from '../agent/ports.ts';
import { buildSearch } from '../search-code.ts';
import { Ring } from './ring.ts';

export interface ScoutTask {
  readonly memory: SharedArrayBuffer;
  readonly conf: FilterConf;
  /** Unix time. */
  readonly now: number;
}

const newline = 10;

/** What the generated code cannot do is left to the other thread. */
const re2: Re2 = {
  build: buildSearch,
  encode: (text) => new TextEncoder().encode(text),
  compile: () => {
    throw new Error('there is no RE2 here');
  },
};

function scoutOf({ conf, now }: ScoutTask): Scout {
  return new Scout(conf, { re2, zone: localZone, ascii: asciiText, decode: () => '' }, now);
}

const task: ScoutTask = workerData;
const scout = scoutOf(task);
new Ring(task.memory).scout((bytes, notes) => noteLines(bytes, notes));

/** Notes the lines that end in a block; returns how many numbers that took. Of the first line only the end may be in it. */
function noteLines(bytes: Buffer, notes: NoteRoom): number {
  let begin = bytes.indexOf(newline) + 1;
  if (begin === 0) return 0;
  notes[0] = 1;
  let at = 1;
  for (let end = bytes.indexOf(newline, begin); end >= 0; end = bytes.indexOf(newline, begin)) {
    const next = scout.look({ bytes: bytes.subarray(begin, end) }, task.now, notes, at);
    if (next < 0) return at;
    at = next;
    begin = end + 1;
  }
  return at;
}
