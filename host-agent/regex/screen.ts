/** Where edgeban-regex prints: text made harmless for a terminal, JSON as it is. */
import { escapeControls } from '../log/log.ts';

export interface Screen {
  /** One or more lines, without the last line end. */
  out(text: string): void;
  /** Text that is complete and harmless already. */
  raw(text: string): void;
  err(text: string): void;
  /** False when nobody reads any more (`| head`). */
  readonly open: boolean;
  /** Overwrites one line of the terminal; null where the progress cannot be shown. */
  readonly progress: ((text: string) => void) | null;
}

/** The process's own. On Linux its writes are done when they return, so nothing piles up in memory. */
export function processScreen(): Screen {
  let open = true;
  const quiet = (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error;
    open = false;
  };
  process.stdout.on('error', quiet);
  process.stderr.on('error', quiet);
  return {
    out: (text) => process.stdout.write(`${visible(text)}\n`),
    raw: (text) => process.stdout.write(text),
    err: (text) => process.stderr.write(`${visible(text)}\n`),
    get open() {
      return open;
    },
    progress: process.stderr.isTTY ? (text) => process.stderr.write(`\r\x1b[K${text}`) : null,
  };
}

function visible(text: string): string {
  return text.split('\n').map(escapeControls).join('\n');
}
