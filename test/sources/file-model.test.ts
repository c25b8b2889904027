/**
 * The reader of a log against its writer, its rotation, a clock that jumps and its own death: whatever comes between two of
 * its steps, each line comes once. SEED=… SEEDS=… plays other games of chance.
 */
import { expect, it } from 'vitest';
import { randomOf } from '../random.ts';
import { type Between, type Compress, flaws, ModelLog, play } from './model-log.ts';

const compressions: readonly Compress[] = ['never', 'at once', 'later'];
const perfect = { lost: [], twice: [], errors: [] };

it('loses and repeats no line in games of chance', async () => {
  const from = Number(process.env['SEED'] ?? 1);
  const seeds = Number(process.env['SEEDS'] ?? 60);
  for (let seed = from; seed < from + seeds; seed += 1) {
    expect(await playSeed(seed)).toEqual({ seed, ...perfect });
  }
}, 3_600_000);

async function playSeed(seed: number) {
  const random = randomOf(seed);
  const log = begun(compressions[seed % compressions.length]);
  const deaths = random() < 0.3 ? 0 : random() * 0.03;
  const world = longStory(log, random, 5 + Math.floor(random() * 40));
  const takes = (lines: number) => (random() < 0.7 ? lines : Math.ceil(random() * lines));
  const played = await play(log, world, () => chance(random, deaths), takes);
  return { seed, ...flaws(played, log.count), errors: played.errors };
}

/** With a first line: a file that is rotated away before the first position was saved is not looked for. */
function begun(compress?: Compress): ModelLog {
  const log = new ModelLog(compress);
  Array.from(log.write(1));
  return log;
}

function* longStory(log: ModelLog, random: () => number, acts: number): Generator<void> {
  for (let i = 0; i < acts; i += 1) {
    yield* log.write(1 + Math.floor(random() * 6));
    if (random() < 0.05) log.disk.now += random() < 0.5 ? 3600 : -3600;
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

/** Short stories: what is rotated how, one after the other. */
const stories: Record<string, (log: ModelLog) => Generator<void>> = {
  *'a rename'(log) {
    yield* log.write(2);
    yield* log.rename(1);
    yield* log.write(2);
  },
  *copytruncate(log) {
    yield* log.write(2);
    yield* log.copytruncate();
    yield* log.write(3);
  },
  *'two renames'(log) {
    yield* log.rename(1);
    yield* log.write(2);
    yield* log.rename(0);
  },
  *'copytruncate twice'(log) {
    yield* log.copytruncate();
    yield* log.write(1);
    yield* log.copytruncate();
  },
};

it.each(Object.keys(stories).flatMap((story) => compressions.map((compress) => [story, compress] as const)))(
  'loses and repeats no line in %s, compressed %s, wherever it is interrupted twice, alive or killed',
  async (name, compress) => {
    const story = stories[name];
    if (story === undefined) throw new Error(name);
    const length = Array.from(story(begun(compress))).length;
    for (const dies of compress === 'never' ? [false, true] : [true]) {
      for (let first = 1; first < 32; first += 1) {
        for (let steps = 0; steps <= length; steps += 3) {
          const second = first + 1 + ((first * 7 + steps * 5) % 24);
          const log = begun(compress);
          const played = await play(log, story(log), interruptions(first, steps, second, dies));
          expect({ first, steps, second, dies, ...flaws(played, log.count), errors: played.errors }).toEqual({
            first,
            steps,
            second,
            dies,
            ...perfect,
          });
        }
      }
    }
  },
  120_000,
);

/** So many steps of the world before the reader's first, all others before its second. */
function interruptions(first: number, steps: number, second: number, dies: boolean): () => Between {
  let at = 0;
  return () => {
    at += 1;
    const isSecond = at === second;
    return { steps: at === first ? steps : isSecond ? 1_000 : 0, seconds: 0.001, dies: dies && at === second - 1 };
  };
}
