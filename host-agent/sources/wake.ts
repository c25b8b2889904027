/** Wakes the reader of a file when it may have changed: inotify on its folder, and a clock behind it. */
import { type FSWatcher, realpathSync, watch } from 'node:fs';
import { basename, dirname } from 'node:path';

/** With inotify the clock is only there for what inotify cannot see (network file systems, a folder that was replaced). */
const POLL_BEHIND_INOTIFY_MS = 1_000;
/** Each time it finds nothing it waits twice as long, up to: many files that are quiet cost little then. */
const POLL_BEHIND_INOTIFY_MS_MAX = 4_000;
const POLL_ALONE_MS = 200;

export class Wake {
  readonly #path: string;
  readonly #inotify: boolean;
  readonly #watchers: FSWatcher[] = [];
  #changed = true;
  #poll_ms = POLL_BEHIND_INOTIFY_MS;
  #resolve: (() => void) | null = null;

  constructor(path: string, inotify: boolean) {
    this.#path = path;
    this.#inotify = inotify;
  }

  /** Settles as soon as something may have changed since the last call; true if it was the clock that said so. */
  async wait(signal: AbortSignal): Promise<boolean> {
    if (this.#inotify && this.#watchers.length === 0) this.#watch();
    if (!this.#changed && !signal.aborted) await this.#sleep(signal);
    const byClock = !this.#changed;
    this.#changed = false;
    this.#poll_ms = byClock ? Math.min(this.#poll_ms * 2, POLL_BEHIND_INOTIFY_MS_MAX) : POLL_BEHIND_INOTIFY_MS;
    return byClock;
  }

  /** The clock found what inotify had not told: the watches look at the wrong folder. */
  renew(): void {
    this.#poll_ms = POLL_BEHIND_INOTIFY_MS;
    this.close();
  }

  close(): void {
    for (const watcher of this.#watchers.splice(0)) watcher.close();
  }

  #sleep(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', wake);
        this.#resolve = null;
        resolve();
      };
      const timer = setTimeout(wake, this.#watchers.length === 0 ? POLL_ALONE_MS : this.#poll_ms);
      signal.addEventListener('abort', wake);
      this.#resolve = wake;
    });
  }

  #change(): void {
    this.#changed = true;
    this.#resolve?.();
  }

  #watch(): void {
    for (const [folder, name] of placesOf(this.#path)) {
      try {
        const watcher = watch(folder, (_event, file) => {
          if (file === null || file.startsWith(name)) this.#change();
        });
        watcher.on('error', () => this.renew());
        this.#watchers.push(watcher);
      } catch {
        // No such folder yet, or no inotify watches left: the clock goes on alone and tries again.
      }
    }
    // What changed before the watch began.
    if (this.#watchers.length > 0) this.#changed = true;
  }
}

/** The folder and name of the path itself, and of the file that it links to. */
function placesOf(path: string): Map<string, string> {
  const places = new Map([[dirname(path), basename(path)]]);
  try {
    const real = realpathSync(path);
    if (!places.has(dirname(real))) places.set(dirname(real), basename(real));
  } catch {
    // Not there yet.
  }
  return places;
}
