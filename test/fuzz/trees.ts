/** Configuration trees at random: the command streams of fail2ban's reader and of ours. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ask } from '../config/oracle.ts';
import { randomTree } from '../config/random-tree.ts';
import { differences, ourStream, write } from '../config/streams.ts';
import { randomOf } from '../random.ts';
import type { Tally } from './fuzz.ts';

const trees_per_run = 200;

/** A case is a tree. Where both refuse one they agree. */
export function fuzzTrees(checkout: string, cases: number, seed: number, tally: Tally): void {
  const random = randomOf(seed);
  for (let left = cases; left > 0; left -= trees_per_run) {
    const scratch = mkdtempSync(join(tmpdir(), 'edgeban-trees-'));
    const count = Math.min(left, trees_per_run);
    const dirs = Array.from({ length: count }, (_, index) => write(join(scratch, String(index)), randomTree(random)));
    const questions = dirs.map((dir) => ({ ask: 'stream', dir }));
    const found = differences(questions, ask(checkout, questions), dirs.map(ourStream));
    tally.cases += count;
    tally.agreed += count - found.length;
    tally.trees.push(...found);
    if (found.length === 0) rmSync(scratch, { recursive: true });
  }
}
