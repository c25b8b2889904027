/** A progress bar for long files, on a terminal only. */
import type { Screen } from './screen.ts';

const wait_ms = 1_000;
const every_ms = 200;
const width = 30;

export interface Progress {
  add(bytes: number, lines: number): void;
  end(): void;
}

/** `total` in bytes; nothing is shown where it is null, or where there is no terminal. */
export function createProgress(screen: Screen, total: number | null, now_ms: () => number): Progress {
  const { progress } = screen;
  if (progress === null || total === null || total === 0) return { add: () => undefined, end: () => undefined };
  const begin = now_ms();
  let bytes = 0;
  let lines = 0;
  let shownAt = begin + wait_ms - every_ms;
  let shown = false;
  return {
    add: (more, moreLines) => {
      bytes += more;
      lines += moreLines;
      const now = now_ms();
      if (now - shownAt < every_ms) return;
      shownAt = now;
      shown = true;
      progress(barText(Math.min(1, bytes / total), lines, now - begin));
    },
    end: () => {
      if (shown) progress('');
    },
  };
}

function barText(share: number, lines: number, spent_ms: number): string {
  const full = Math.round(share * width);
  const left_s = share > 0 ? Math.ceil((spent_ms / 1000) * (1 / share - 1)) : 0;
  const bar = '#'.repeat(full) + '.'.repeat(width - full);
  return `[${bar}] ${String(Math.floor(share * 100)).padStart(3)} %  ${lines} lines, ${left_s} s left`;
}
