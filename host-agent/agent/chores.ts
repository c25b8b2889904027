/** What comes round by itself: ended bans are lifted, old things forgotten, new files and addresses noticed. */
import type { Seconds, UnixTime } from '../../shared/time.ts';
import { fleetFailuresLimits } from './fleet-failures.ts';
import type { Core } from './parts.ts';

export const choresLimits = {
  tick_ms: 500,
  ended_per_tick_max: 2_000,
  rescan_s: 10,
  own_addresses_s: 60,
  purge_s: 3_600,
  /** As long as the resolver keeps an answer. */
  names_s: 300,
  /** fail2ban's latency. */
  ignore_files_s: 1,
  /** How long lifted bans of other hosts are remembered. */
  heard_age_s: 7 * 86_400,
} as const;

export interface ChoresParts extends Core {
  dbpurgeage(): Seconds;
  /** Looks for log files that match now. */
  rescan(): Promise<void>;
  /** The host's addresses may have changed. */
  renewGuard(): void;
  resolveNames(): Promise<void>;
  /** Looks for changes of the files in ignoreip. */
  readIgnoreFiles(): Promise<void>;
}

export class Chores {
  readonly #parts: ChoresParts;
  /** When each of the slower chores is due. */
  readonly #due = new Map<string, UnixTime>();
  #timer: NodeJS.Timeout | undefined;

  constructor(parts: ChoresParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#timer = setInterval(() => this.#tick(), choresLimits.tick_ms);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #tick(): void {
    const { desk, parts, engine, court } = this.#parts;
    const now = parts.now();
    try {
      engine.purge(now);
      this.#liftEnded(now);
      desk.save();
      if (court.untold > 0 && this.#isDue('failures', fleetFailuresLimits.tell_every_s, now))
        desk.transact((effects) => court.tellFailures(effects));
      if (this.#isDue('rescan', choresLimits.rescan_s, now)) this.#rescan();
      if (this.#isDue('own', choresLimits.own_addresses_s, now)) this.#parts.renewGuard();
      if (this.#isDue('names', choresLimits.names_s, now)) void this.#parts.resolveNames();
      if (this.#isDue('ignore files', choresLimits.ignore_files_s, now)) void this.#parts.readIgnoreFiles();
      if (this.#isDue('purge', choresLimits.purge_s, now)) this.#purge(now);
    } catch (error) {
      // the desk has told what is wrong with the database; the next tick tries again
      if (!desk.isBroken) throw error;
    }
  }

  #liftEnded(now: UnixTime): void {
    const { desk, parts, court } = this.#parts;
    const { bans } = parts.store;
    const next = bans.nextEnd();
    if (next === null || next > now) return;
    desk.transact((effects) => {
      for (const ban of bans.takeEnded(now, choresLimits.ended_per_tick_max)) court.end(ban, effects);
    });
  }

  #rescan(): void {
    void this.#parts.rescan();
    this.#liftExcess();
  }

  /** A flood of bans must not fill memory and disk: those that end soonest make room. */
  #liftExcess(): void {
    const { desk, parts, court } = this.#parts;
    desk.transact((effects) => {
      const excess = parts.store.bans.takeExcess();
      for (const ban of excess) court.end(ban, effects);
      const log = parts.log.logger('actions');
      if (excess.length > 0) effects.say(() => log.warning(`${excess.length} bans lifted: there are too many`));
    });
  }

  #purge(now: UnixTime): void {
    const { bans, holders } = this.#parts.parts.store;
    this.#parts.desk.transact(() => {
      bans.purge(now, this.#parts.dbpurgeage());
      holders.purge(now, choresLimits.heard_age_s);
    });
  }

  /** The first time counts from now. */
  #isDue(chore: string, every: Seconds, now: UnixTime): boolean {
    const due = this.#due.get(chore);
    // a clock that was set back must not stop a chore
    if (due !== undefined && due > now && due - now <= every) return false;
    this.#due.set(chore, now + every);
    return due !== undefined;
  }
}
