/** Every order of steps of the reader of a log, its writer, its rotation and the reader's death that chance makes: each line once. */
import { expect, it } from 'vitest';
import { randomOf } from '../random.ts';
import { type Between, type Compress, flaws, ModelLog, play } from './model-log.ts';

const compressions: readonly Compress[] = ['never', 'at once', 'later'];

function* story(log: ModelLog, random: () => number, acts: number): Generator<void> {
  for (let i = 0; i < acts; i += 1) {
    yield* log.write(1 + Math.floor(random() * 6));
    const dice = random();
    if (dice < 0.15) yield* log.rename(Math.floor(random() * 3));
    else if (dice < 0.3) yield* log.copytruncate();
  }
}

/** Mostly the reader is quicker; now and then it gets no time for long. */
function chance(random: () => number, deaths: number): Between {
  const dice = random();
  const steps = dice < 0.7 ? 0 : dice < 0.95 ? 1 + Math.floor(random() * 4) : Math.floor(random() * 80);
  const seconds = random() < 0.95 ? random() * 0.001 : random() * 2;
  return { steps, seconds, dies: random() < deaths };
}

async function playSeed(seed: number) {
  const random = randomOf(seed);
  const log = new ModelLog(compressions[Math.floor(random() * 3)]);
  const deaths = random() < 0.3 ? 0 : random() * 0.03;
  const world = story(log, random, 5 + Math.floor(random() * 40));
  for (const _ of log.write(1)) void _;
  const takes = (lines: number) => (random() < 0.7 ? lines : Math.ceil(random() * lines));
  const played = await play(log, world, () => chance(random, deaths), takes);
  return { seed, ...flaws(played, log.count), errors: played.errors };
}

const perfect = { lost: [], twice: [], errors: [] };

it('loses and repeats no line, whatever comes between two steps', async () => {
  const from = Number(process.env['SEED'] ?? 1);
  const seeds = Number(process.env['SEEDS'] ?? 400);
  for (let seed = from; seed < from + seeds; seed += 1) {
    expect(await playSeed(seed)).toEqual({ seed, ...perfect });
  }
}, 600_000);
