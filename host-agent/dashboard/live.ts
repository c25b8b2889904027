/** What is newly decided, as an event stream for the pages that listen: the daemon is asked only while one does. */
import type { ServerResponse } from 'node:http';
import { hostname } from 'node:os';
import { EdgebanError } from '../../shared/errors.ts';
import { type Act, type LiveEvent, viewLimits } from '../../shared/view.ts';
import type { Watch, WatchEvent } from '../control/watch.ts';
import type { Daemon } from './daemon.ts';
import type { HostDatabase, Term } from './database.ts';

export const liveLimits = {
  listeners_max: 16,
  look_ms: 1_000,
  here_ms: 30_000,
  /** A page that does not read is let go. */
  waiting_bytes_max: 256 * 1024,
} as const;

export class Live {
  readonly #daemon: Daemon;
  readonly #database: HostDatabase;
  readonly #listeners = new Set<ServerResponse>();
  #timer: NodeJS.Timeout | null = null;
  #last: Watch | null = null;
  #hereAt = 0;
  #isLooking = false;

  constructor(daemon: Daemon, database: HostDatabase) {
    this.#daemon = daemon;
    this.#database = database;
  }

  /** False: there are too many. */
  async open(response: ServerResponse, headers: Readonly<Record<string, string>>): Promise<boolean> {
    if (this.#listeners.size >= liveLimits.listeners_max) return false;
    // what comes after this is told
    this.#last ??= await this.#daemon.watch();
    response.writeHead(200, { ...headers, 'content-type': 'text/event-stream; charset=utf-8' });
    this.#listeners.add(response);
    response.once('close', () => this.#drop(response));
    write(response, { kind: 'here', at: Date.now() / 1000 });
    this.#timer ??= setInterval(() => void this.#look(), liveLimits.look_ms);
    return true;
  }

  tellAct(act: Act): void {
    this.#tell([{ kind: 'act', act }]);
  }

  close(): void {
    for (const response of this.#listeners) response.end();
  }

  #drop(response: ServerResponse): void {
    this.#listeners.delete(response);
    if (this.#listeners.size > 0 || this.#timer === null) return;
    clearInterval(this.#timer);
    this.#timer = null;
    this.#last = null;
  }

  async #look(): Promise<void> {
    if (this.#isLooking) return;
    this.#isLooking = true;
    try {
      const last = this.#last;
      const watch = await this.#daemon.watch(last?.cursor, last?.started);
      this.#last = watch;
      // what there was before the first look is no news
      if (last !== null) this.#tell(eventsOf(last, watch, (ban) => this.#database.termOf(ban.jail, ban.id)));
      if (performance.now() - this.#hereAt > liveLimits.here_ms) this.#here();
    } catch (error) {
      // the daemon may be starting anew; the next look tells
      if (!(error instanceof EdgebanError)) throw error;
    } finally {
      this.#isLooking = false;
    }
  }

  #here(): void {
    this.#hereAt = performance.now();
    this.#tell([{ kind: 'here', at: Date.now() / 1000 }]);
  }

  #tell(events: readonly LiveEvent[]): void {
    for (const response of this.#listeners) {
      for (const event of events) write(response, event);
      if (response.writableLength > liveLimits.waiting_bytes_max) response.destroy();
    }
  }
}

function write(response: ServerResponse, event: LiveEvent): void {
  response.write(`data: ${JSON.stringify(event)}\n\n`);
}

function eventsOf(last: Watch, watch: Watch, termOf: (ban: WatchEvent) => Term | undefined): LiveEvent[] {
  const host = hostname();
  const told = watch.events.flatMap((event): LiveEvent[] => {
    const { kind, at, jail, id } = event;
    if (kind === 'unban') return [{ kind, at, address: id, host, jail }];
    if (kind !== 'ban' && kind !== 'prolong') return [];
    // the ban's own time, by which the page knows it again among those in force
    return [{ kind: 'ban', address: id, host, jail, ...(termOf(event) ?? { at, until: null }) }];
  });
  const after = watch.started === last.started ? last.cursor : 0;
  const missed = watch.cursor - after - watch.events.length;
  const shown = told.slice(-viewLimits.live_events_max);
  return missed > 0 ? [...shown, { kind: 'more', at: watch.now, changes: missed }] : shown;
}
