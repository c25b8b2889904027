/** Plays histories by their seeds (`node test/histories/main.ts 1-10000`); of one that fails it says which acts it takes. */
import { acts_per_history, Broken, play } from './history.ts';

const [range = '1-20', ...flags] = process.argv.slice(2);
const [first = 1, last = first] = range.split('-').map(Number);
const failed: number[] = [];
let bans = 0;
const began = performance.now();
process.on('unhandledRejection', (error) => {
  // what a dead process had begun
  if (!String(error).includes('is dead')) throw error;
});

for (let seed = first; seed <= last; seed += 1) {
  const broken = await attempt(seed, () => true);
  if (broken === null) continue;
  failed.push(seed);
  const kept = flags.includes('--whole') ? broken.told : (await smallest(seed)).told;
  console.error(`seed ${seed}: ${broken.message}\n  ${kept.join('\n  ')}\n`);
}
const seconds = (performance.now() - began) / 1000;
console.log(
  `${last - first + 1 - failed.length} of ${last - first + 1} histories hold, ${bans} bans compared, ${seconds.toFixed(0)} s`,
);
if (failed.length > 0) console.log(`failed: ${failed.join(' ')}`);
process.exit(failed.length > 0 ? 1 : 0);

async function attempt(seed: number, kept: (act: number) => boolean): Promise<Broken | null> {
  try {
    bans += (await play(seed, kept)).bans;
    return null;
  } catch (error) {
    return error instanceof Broken ? error : new Broken([], error);
  }
}

/** Acts are left out, in halves, then in smaller parts, then one by one, as long as it still fails. */
async function smallest(seed: number): Promise<Broken> {
  let acts = Array.from({ length: acts_per_history }, (_, n) => n);
  let best = new Broken([], 'it holds when played again');
  for (let part = acts.length >> 1; part >= 1; part >>= 1) {
    for (let at = 0; at < acts.length; ) {
      const fewer = acts.filter((_, index) => index < at || index >= at + part);
      const broken = await attempt(seed, (act) => fewer.includes(act));
      if (broken === null) at += part;
      else [acts, best] = [fewer, broken];
    }
  }
  return best;
}
