/** What comes round by itself: ended bans are lifted, old things forgotten, new files and addresses noticed. */
import { describeError } from '../../shared/errors.ts';
import type { Seconds, UnixTime } from '../../shared/time.ts';
import { fleetFailuresLimits } from './fleet-failures.ts';
import type { Jail } from './jail.ts';
import type { Core } from './parts.ts';
import { durationText } from './wording.ts';

export const choresLimits = {
  tick_ms: 500,
  ended_per_tick_max: 2_000,
  rescan_s: 10,
  own_addresses_s: 60,
  purge_s: 3_600,
  /** As exactly as nft tells its time-outs. */
  clock_off_max_s: 2,
  /** As long as the resolver keeps an answer. */
  names_s: 300,
  /** fail2ban's latency. */
  ignore_files_s: 1,
  review_s: 20,
  edge_s: 10,
  /** After somebody has begun to start a firewall: it takes its time. */
  restarted_ms: [1_000, 4_000, 10_000, 20_000],
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
  /** Can the edge still enforce? */
  lookAtEdge(): Promise<void>;
  running(): readonly Jail[];
}

export class Chores {
  readonly #parts: ChoresParts;
  /** When each of the slower chores is due. */
  readonly #due = new Map<string, UnixTime>();
  /** How far the clock is ahead of the one that nobody sets, by which the kernel counts its time-outs. */
  #ahead_s = Number.NaN;
  #timer: NodeJS.Timeout | undefined;
  #soon: NodeJS.Timeout[] = [];
  #unwatch: () => void = () => undefined;

  constructor(parts: ChoresParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#clockIsSet(this.#parts.parts.now());
    this.#unwatch = this.#parts.parts.watchFirewalls(() => this.#reviewSoon());
    this.#timer = setInterval(() => this.#tick(), choresLimits.tick_ms);
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#unwatch();
    for (const timer of this.#soon) clearTimeout(timer);
  }

  #reviewSoon(): void {
    for (const timer of this.#soon) clearTimeout(timer);
    this.#soon = choresLimits.restarted_ms.map((ms) => setTimeout(() => this.#review(true), ms).unref());
  }

  #review(isUrgent: boolean): void {
    for (const jail of this.#parts.running()) void jail.review(isUrgent);
  }

  #tick(): void {
    const { desk, parts, engine, court } = this.#parts;
    const now = parts.now();
    try {
      engine.purge(now);
      this.#liftEnded(now);
      if (this.#clockIsSet(now)) for (const jail of this.#parts.running()) void jail.reconcile();
      desk.save();
      if (court.untold > 0 && this.#isDue('failures', fleetFailuresLimits.tell_every_s, now))
        desk.transact((effects) => court.tellFailures(effects));
      if (this.#isDue('rescan', choresLimits.rescan_s, now)) this.#rescan();
      if (this.#isDue('own', choresLimits.own_addresses_s, now)) this.#parts.renewGuard();
      if (this.#isDue('names', choresLimits.names_s, now)) void this.#parts.resolveNames();
      if (this.#isDue('ignore files', choresLimits.ignore_files_s, now)) void this.#parts.readIgnoreFiles();
      if (this.#isDue('edge', choresLimits.edge_s, now)) this.#lookAtEdge();
      if (this.#isDue('review', choresLimits.review_s, now)) this.#review(false);
      if (this.#isDue('purge', choresLimits.purge_s, now)) this.#purge(now);
    } catch (error) {
      // the desk has told what is wrong with the database; the next tick tries again
      if (!desk.isBroken) throw error;
    }
  }

  /** Somebody has set the clock, or the machine has slept: the time-outs in the kernel are wrong by as much. */
  #clockIsSet(now: UnixTime): boolean {
    const ahead_s = now - performance.now() / 1_000;
    const by_s = ahead_s - this.#ahead_s;
    if (Math.abs(by_s) <= choresLimits.clock_off_max_s) return false;
    this.#ahead_s = ahead_s;
    if (Number.isNaN(by_s)) return false;
    const text = `the clock went ${by_s < 0 ? 'back' : 'forth'} by ${durationText(Math.abs(by_s))}`;
    this.#parts.parts.log.logger('server').warning(`${text}: the time-outs in the firewall are set anew`);
    return true;
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

  #lookAtEdge(): void {
    void this.#parts.lookAtEdge().catch((error: unknown) => {
      const text = `what the edge leaves to this host could not be changed: ${describeError(error)}`;
      this.#parts.parts.log.logger('edge').error(text);
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
