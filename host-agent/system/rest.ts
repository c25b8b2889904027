/** Gives memory back: what a start or a burst has needed is not kept for days, and the program itself takes little in a burst. */
import { createRequire } from 'node:module';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

export interface RestWorld {
  /** Of the V8 heap, used or not. */
  heap_bytes(): number;
  /** All memory that the process holds. */
  held_bytes(): number;
  /** Of the processor, since the process began. */
  cpu_ms(): number;
  /** Collects all garbage and lets go of what is empty; it takes 50 ms. */
  collect(): void;
  /** Of the program what is not in use; it takes a few milliseconds. */
  giveBack(): void;
}

const look_ms = 15_000;
/** The start has needed the most, and what comes next may need as much. */
const first_look_ms = 2_000;
/** Less is not worth the work. */
const worth_bytes = 4 * 1024 * 1024;
/** Whoever works hard is looked at often: what a burst has left is given back before the next one adds to it. */
const crowded_look_ms = 1_000;
const crowded_bytes = 120 * 1024 * 1024;
/** Who has used less of the processor since the last look has nothing to do. */
const quiet_share = 0.02;

/** Looks after 2 s, and then every 15 s; returns what ends it. */
export function restWhenQuiet(world: RestWorld): () => void {
  let kept_bytes = 0;
  let before_ms = world.cpu_ms();
  const look = (since_ms: number) => {
    const now_ms = world.cpu_ms();
    const isQuiet = now_ms - before_ms < since_ms * quiet_share;
    before_ms = now_ms;
    if (!isQuiet || world.heap_bytes() < kept_bytes + worth_bytes) return;
    world.collect();
    kept_bytes = world.heap_bytes();
  };
  let timer = setTimeout(() => {
    look(first_look_ms);
    timer = setInterval(() => look(look_ms), look_ms).unref();
  }, first_look_ms).unref();
  const crowd = setInterval(lookAtCrowd(world), crowded_look_ms).unref();
  return () => {
    clearTimeout(timer);
    clearInterval(crowd);
  };
}

/** What is in use comes back by itself: it is given back again only when more has come together. */
function lookAtCrowd(world: RestWorld): () => void {
  let left_bytes = 0;
  return () => {
    const held_bytes = world.held_bytes();
    left_bytes = Math.min(left_bytes, held_bytes);
    if (held_bytes < Math.max(crowded_bytes, left_bytes + 2 * worth_bytes)) return;
    world.giveBack();
    left_bytes = world.held_bytes();
  };
}

/** Also takes out of the memory what only the start needed of Node's program, where the compiled part for that is there. */
export function processRest(giveBack = loadGiveBack()): RestWorld {
  return {
    held_bytes: () => process.memoryUsage.rss(),
    heap_bytes: () => process.memoryUsage().heapTotal,
    cpu_ms: () => {
      const { user, system } = process.cpuUsage();
      return (user + system) / 1000;
    },
    collect: () => {
      collectAll();
      giveBack?.();
    },
    giveBack: () => void giveBack?.(),
  };
}

function collectAll(): void {
  // not a flag of the command line: compiled code that was kept is good for one set of those only
  setFlagsFromString('--expose-gc');
  const gc: NodeJS.GCFunction = runInNewContext('gc');
  setFlagsFromString('--no-expose-gc');
  // only this kind makes the room for young objects small again, and forgets code that is not run
  void gc({ type: 'major', execution: 'sync', flavor: 'last-resort' });
}

/** The package has it beside the programs; null in a checkout. */
export function loadGiveBack(file: URL = new URL('../native/give-back.node', import.meta.url)): (() => number) | null {
  try {
    const addon: { readonly giveBack: () => number } = createRequire(import.meta.url)(file.pathname);
    return addon.giveBack;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'MODULE_NOT_FOUND') return null;
    throw error;
  }
}
