/** One jail as it runs: its filter, its actions, its counts. */
import type { IgnoreConf } from '../../shared/config/jail-values.ts';
import type { Engine } from '../../shared/engine/engine.ts';
import { describeError } from '../../shared/errors.ts';
import {
  type Filter,
  failuresOf,
  type LineMode,
  type LineResult,
  type PendingFailure,
} from '../../shared/filter/filter.ts';
import type { Store } from '../../shared/store/store.ts';
import type { JailStory } from '../../shared/story.ts';
import type { Ban, Failure, Line } from '../../shared/ticket.ts';
import type { UnixTime } from '../../shared/time.ts';
import type { Change, JailAction } from '../actions/action.ts';
import type { Order } from '../actions/ticket-action.ts';
import type { Log } from '../log/log.ts';
import type { Court } from './court.ts';
import type { Effects } from './effects.ts';
import type { Answer, IgnoreCommand } from './ignore-command.ts';
import { type FailedBan, JailActions } from './jail-actions.ts';
import type { JailPlan } from './plan.ts';
import { timeText } from './wording.ts';

export interface JailParts {
  readonly plan: JailPlan;
  readonly filter: Filter | null;
  readonly actions: readonly JailAction[];
  readonly ignoreCommand: IgnoreCommand | null;
  readonly idle?: boolean;
}

/** Failures that cannot be judged before somebody else has answered. */
export interface Waiting {
  /** Whose addresses are being looked up. */
  readonly named: PendingFailure[];
  /** About which ignorecommand has to be asked. */
  readonly asked: Failure[];
}

export interface JailWorld {
  readonly store: Store;
  readonly engine: Engine;
  readonly court: Court;
  readonly log: Log;
  /** Does the database say what should be banned? */
  isKnown(): boolean;
  /** How many run. */
  jails(): number;
}

const day_seconds = 86_400;

export class Jail {
  #plan: JailPlan;
  /** Is nothing read for it now? */
  idle: boolean;
  /** Whom the jail spares: as configured, until a client changes it. */
  ignoreip: readonly IgnoreConf[];
  /** How it counts and bans: likewise. */
  rules: JailPlan['rules'];
  #filter: Filter | null;
  #ignoreCommand: IgnoreCommand | null;
  readonly #world: JailWorld;
  readonly #actions: JailActions;
  /** When each kind of oddity was last told: once a day is enough. */
  readonly #told = new Map<string, UnixTime>();
  totalFailed = 0;
  totalBanned = 0;
  /** Lines that took more than their time, and count as misses. */
  givenUp = 0;

  constructor(parts: JailParts, world: JailWorld) {
    this.#plan = parts.plan;
    this.idle = parts.idle ?? false;
    this.ignoreip = parts.plan.ignoreip;
    this.rules = parts.plan.rules;
    this.#filter = parts.filter;
    this.#ignoreCommand = parts.ignoreCommand;
    this.#world = world;
    const { store, log, isKnown, jails } = world;
    const { actions } = parts;
    this.#actions = new JailActions({
      jail: parts.plan.name,
      actions,
      store,
      log: log.logger('actions'),
      isKnown,
      jails,
    });
  }

  /** As configured, until a client changes it; `rules` and `ignoreip` stand beside it. */
  get plan(): JailPlan {
    return this.#plan;
  }

  get name(): string {
    return this.#plan.name;
  }

  /** Goes on with another filter or another ignorecommand: its counts, its bans and its actions stay. */
  takeOver({ plan, filter, ignoreCommand }: Omit<JailParts, 'actions' | 'idle'>): void {
    this.#plan = plan;
    this.#filter = filter;
    this.#ignoreCommand = ignoreCommand;
    filter?.setFindtime(this.rules.findtime);
  }

  change(rules: Partial<JailPlan['rules']>): void {
    this.rules = { ...this.rules, ...rules };
    this.#filter?.setFindtime(this.rules.findtime);
  }

  get filter(): Filter | null {
    return this.#filter;
  }

  /** Judges a line, and puts what has to wait with what waits. */
  read(line: Line, mode: LineMode, now: UnixTime, effects: Effects, { named, asked }: Waiting): void {
    const result = this.#filter === null ? null : this.#judge(this.#filter, line, mode, now, effects);
    if (result === null) return;
    if (result.failures.length > 0) this.#hearOrWait(result.failures, asked, now, effects);
    if (result.pending.length > 0) named.push(...result.pending);
    if (result.notice !== null && result.notice !== 'too-old')
      this.#tell(result.notice, noticeText(result.notice, result.time), now, effects);
    if (result.trouble === null) return;
    if (result.trouble.kind === 'steps') this.givenUp += 1;
    this.#tell(result.trouble.where, troubleText(result.trouble, this.givenUp), now, effects);
  }

  /** A fault of ours on one line must not stop the lines after it. */
  #judge(filter: Filter, line: Line, mode: LineMode, now: UnixTime, effects: Effects): LineResult | null {
    try {
      return filter.process(line, now, mode);
    } catch (error) {
      const text = `a line could not be judged and is left out: ${describeError(error)} (ERR_INTERNAL)`;
      this.#tell('fault', text, now, effects);
      return null;
    }
  }

  hear(failure: Failure, now: UnixTime, effects: Effects): void {
    const decision = this.#world.court.hear(this.name, failure, now, effects);
    if (decision.kind !== 'ignored') this.totalFailed += 1;
    if (decision.kind === 'ban') this.totalBanned += 1;
  }

  /** The failures of a name whose addresses have come; returns those about which ignorecommand has to be asked. */
  hearNamed(pending: PendingFailure, addresses: readonly string[], now: UnixTime, effects: Effects): Failure[] {
    const asked: Failure[] = [];
    this.#hearOrWait(failuresOf(pending, addresses), asked, now, effects);
    return asked;
  }

  /** Has ignorecommand let it off when it was last asked? */
  hasLetOff(id: string): boolean {
    return this.#ignoreCommand?.hasLetOff(id) ?? false;
  }

  /** Asks ignorecommand about a failure; the answer belongs into hearAnswered. Never rejects. */
  async ask(failure: Failure): Promise<Answer> {
    return (await this.#ignoreCommand?.ask(failure)) ?? { ignored: false, trouble: null };
  }

  hearAnswered(failure: Failure, { ignored, trouble }: Answer, now: UnixTime, effects: Effects): void {
    if (trouble !== null) this.#tell(trouble, `ignorecommand: ${trouble}: the failure counts`, now, effects);
    if (!ignored) this.hear(failure, now, effects);
    else effects.say(() => this.#world.log.logger('filter').info(`[${this.name}] Ignore ${failure.id} by command`));
  }

  /** Whom the rules spare, nobody needs to ask about. */
  #hearOrWait(failures: readonly Failure[], asked: Failure[], now: UnixTime, effects: Effects): void {
    for (const failure of failures) {
      const asks = this.#ignoreCommand !== null && this.#world.engine.ignored(this.name, failure) === null;
      if (asks) asked.push(failure);
      else this.hear(failure, now, effects);
    }
  }

  /** Makes the firewall what the store says. */
  async reconcile(): Promise<void> {
    await this.#actions.reconcile();
  }

  /** Is the firewall still so? */
  async review(isUrgent: boolean): Promise<void> {
    await this.#actions.review(isUrgent);
  }

  project(changes: readonly Change[], orders: readonly Order[]): Promise<void> {
    return this.#actions.tell(changes, orders);
  }

  /** How each action stands to a ban, asked now. */
  statesOf(ban: Ban): Promise<JailStory['actions']> {
    return this.#actions.statesOf(ban);
  }

  /** Bans that are not in force. */
  failing(): readonly FailedBan[] {
    return this.#actions.failing();
  }

  /** Actions are let go in the reverse order, as fail2ban stops them. */
  async close(options: { flush(index: number): boolean }): Promise<void> {
    await this.#actions.close(options);
  }

  #tell(kind: string, text: string, now: UnixTime, effects: Effects): void {
    if (now - (this.#told.get(kind) ?? Number.NEGATIVE_INFINITY) < day_seconds) return;
    this.#told.set(kind, now);
    effects.say(() => this.#world.log.logger('filter').warning(`[${this.name}] ${text}`));
  }
}

function noticeText(notice: 'odd-time' | 'no-date', time: UnixTime | null): string {
  if (notice === 'no-date') return 'Found a match but no valid date/time found in the line; it counts as now';
  return `Detected a log entry with a time far from now (${timeText(time)}); it counts as now: is a time zone wrong?`;
}

function troubleText(trouble: { readonly kind: 'steps' | 'date'; readonly where: string }, givenUp: number): string {
  if (trouble.kind === 'date') return `a date that cannot be read (${trouble.where}): the line is left out`;
  return `${trouble.where} took too long on a line: the line counts as a miss (number ${givenUp} of this jail)`;
}
