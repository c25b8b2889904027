/** What an action does for one order, and what is noted of it. */
import type { ActionConf } from '../../shared/config/action-conf.ts';
import { EdgebanError } from '../../shared/errors.ts';
import type { Ban } from '../../shared/ticket.ts';
import { Lifecycle } from './lifecycle.ts';
import type { Failing, Order, Steps, Ticket, TicketFamily, TicketJail, TicketWorld, Trouble } from './ticket-action.ts';
import { failureLimits, TicketFailures } from './ticket-failures.ts';
import { TicketLog } from './ticket-log.ts';
import { TicketMarks } from './ticket-marks.ts';
import { TicketReview } from './ticket-review.ts';
import { familyOf } from './ticket-tags.ts';

export const workLimits = {
  /** After so many timeouts in a row no ban is tried but by the retries: each would cost a minute. */
  timeouts_max: 3,
  /** fail2ban's: no more often is it looked whether all still stands. */
  check_ms: 3_000,
} as const;

export interface WorkParts {
  readonly conf: ActionConf;
  readonly steps: Steps;
  readonly jail: TicketJail;
  readonly world: TicketWorld;
}

export interface Task extends Order {
  readonly restored: boolean;
  readonly isRetry: boolean;
  readonly step: 'actionban' | 'actionreban';
}

export class TicketWork {
  readonly lifecycle: Lifecycle;
  readonly marks: TicketMarks;
  readonly failures = new TicketFailures(() => performance.now());
  readonly log: TicketLog;
  readonly #steps: Steps;
  readonly #jail: TicketJail;
  readonly #review: TicketReview;
  #timeouts = 0;
  #checkedAt_ms = Number.NEGATIVE_INFINITY;
  #renewed = new Set<TicketFamily>();

  constructor({ conf, steps, jail, world }: WorkParts) {
    this.#steps = steps;
    this.#jail = jail;
    this.log = new TicketLog(jail.name, conf.name, world.voices.actions);
    this.marks = new TicketMarks({ ledger: world.ledger, jail: jail.name, conf, log: this.log });
    this.lifecycle = new Lifecycle(steps, this.log, (families) => {
      for (const family of families) this.#renewed.add(family);
    });
    const done = () => this.#done();
    const isRenewed = (family: TicketFamily) => this.#renewed.has(family);
    const { lifecycle, log } = this;
    this.#review = new TicketReview({ steps, lifecycle, log, done, isRenewed, now: () => world.now() });
  }

  async start(): Promise<void> {
    const trouble = await this.lifecycle.start();
    if (trouble !== null) this.log.didNot('start', trouble);
  }

  carryOut(task: Task): Promise<void> {
    this.#review.disturb();
    switch (task.kind) {
      case 'ban':
        return this.#ban(task);
      case 'unban':
        return this.#unban(task);
      case 'prolong':
        return this.#prolong(task.ban);
      case 'again':
        return this.#check();
    }
  }

  /** Where the environment was made anew, its bans have to be carried out again: these. */
  takeRenewed(): Ban[] {
    const [renewed, taken] = [this.#renewed, this.#review.take()];
    this.#renewed = new Set();
    if (renewed.size === 0 && taken.size === 0) return [];
    return this.#done().filter((ban) => renewed.has(familyOf(ban)) || taken.has(ban.id));
  }

  /** Somebody may have taken away what was made: it is made anew. */
  review(isUrgent: boolean): Promise<void> {
    return this.#review.run(isUrgent);
  }

  /** Bans that are not in force: what failed, and what somebody has taken away. */
  failing(): Failing[] {
    const { failing } = this.failures;
    const failed = new Set(failing.map(({ id }) => id));
    const lost = this.#lost().filter(({ id }) => !failed.has(id));
    return [...failing, ...lost.map(({ id }) => ({ id, error: gone }))];
  }

  #lost(): Ban[] {
    if (!this.lifecycle.hasGone) return [];
    return this.#done().filter((ban) => this.lifecycle.isGone(familyOf(ban)));
  }

  /** The bans that were carried out. */
  #done(): Ban[] {
    return (this.#jail.held() ?? []).filter((ban) => this.marks.get(ban.id) === 'done');
  }

  /** fail2ban's stop: all bans at once if the action can, else one by one; then the action itself. */
  async dismantle(within_ms: number): Promise<void> {
    const until_ms = performance.now() + within_ms;
    if (this.#steps.has('actionflush')) this.log.flushes();
    if (!(await this.lifecycle.flush())) await this.liftAll(until_ms, false);
    const trouble = await this.lifecycle.stop();
    if (trouble !== null) this.log.didNot('stop', trouble);
    if (performance.now() < until_ms) this.marks.clear();
    this.failures.clear();
  }

  /** Lifts what was carried out, until that takes too long. `loosely`: it may not be there. */
  async liftAll(until_ms: number, loosely: boolean): Promise<void> {
    const written = this.marks.written();
    for (const id of this.marks.ids) {
      const ban = this.#jail.ban(id) ?? written.get(id);
      const state = this.marks.get(id);
      if (ban === undefined || state === 'skipped') continue;
      if (performance.now() >= until_ms) return;
      const ticket = ticketOf(ban, false);
      if (loosely || state === 'trying') await this.lifecycle.clean(ticket);
      else {
        const trouble = await this.lifecycle.unban(ticket);
        if (trouble !== null) this.log.failed('unban', ban, trouble);
      }
    }
  }

  async #ban({ ban, restored, isRetry, step }: Task): Promise<void> {
    const failed = this.failures.get(ban.id);
    if (isRetry && (failed?.kind !== 'ban' || this.#jail.ban(ban.id) === null)) return;
    if (this.marks.get(ban.id) === 'done' && failed === undefined && step === 'actionban') return;
    if (restored && this.#steps.norestored) return this.marks.set(ban, 'skipped');
    if (this.#steps.addressOnly && familyOf(ban) === '') return this.#refuse(ban);
    if (this.#timeouts >= workLimits.timeouts_max && !isRetry) return this.#putOff(ban);
    this.marks.set(ban, 'trying');
    const trouble = await this.lifecycle.ban(ticketOf(ban, restored), step);
    this.#timeouts = trouble?.error.code === 'ERR_ACTION_TIMEOUT' ? this.#timeouts + 1 : 0;
    if (trouble === null) {
      this.marks.set(ban, 'done');
      this.#mended(ban.id);
      return;
    }
    const failure = this.failures.add('ban', ban, trouble);
    if (!failure.trouble.half) this.marks.drop(ban.id);
    if (failure.tries === 1) this.log.failed(step === 'actionban' ? 'ban' : 'reban', ban, trouble);
  }

  #refuse(ban: Ban): void {
    const error = new EdgebanError('ERR_ADDRESS_INVALID', 'it is no address, and the action takes nothing else');
    const failure = this.failures.add('ban', ban, { error, half: false });
    if (failure.tries === 1) this.log.failed('ban', ban, failure.trouble);
  }

  #putOff(ban: Ban): void {
    const error = new EdgebanError('ERR_ACTION_WAITS', `it has timed out ${this.#timeouts} times in a row`);
    const failure = this.failures.add('ban', ban, { error, half: false });
    if (failure.tries === 1) this.log.failed('ban', ban, failure.trouble);
  }

  /** fail2ban would run the command for a ban that failed, too; it runs here only if that may have left something. */
  async #unban({ ban, isRetry }: Task): Promise<void> {
    const failed = this.failures.get(ban.id);
    if (isRetry && failed?.kind !== 'unban') return;
    const ticket = ticketOf(ban, false);
    const state = this.marks.get(ban.id);
    if (failed?.kind === 'ban') {
      if (failed.trouble.half) await this.lifecycle.clean(ticket);
    } else if (state === 'trying') await this.lifecycle.clean(ticket);
    else if (state === 'done') {
      const trouble = await this.lifecycle.unban(ticket);
      if (trouble !== null && this.#failedToLift(ban, trouble)) return;
    }
    this.#mended(ban.id);
    this.marks.drop(ban.id);
  }

  /** True if it is tried again. */
  #failedToLift(ban: Ban, trouble: Trouble): boolean {
    const { tries } = this.failures.add('unban', ban, trouble);
    if (tries === 1) this.log.failed('unban', ban, trouble);
    return tries < failureLimits.lifts_max;
  }

  async #prolong(ban: Ban): Promise<void> {
    if (this.marks.get(ban.id) !== 'done' || !this.#steps.has('actionprolong')) return;
    const trouble = await this.lifecycle.prolong(ticketOf(ban, false));
    if (trouble !== null) this.log.failed('prolong', ban, trouble);
  }

  async #check(): Promise<void> {
    const now_ms = performance.now();
    if (now_ms - this.#checkedAt_ms < workLimits.check_ms) return;
    this.#checkedAt_ms = now_ms;
    await this.lifecycle.consistent();
  }

  #mended(id: string): void {
    if (this.failures.drop(id) && this.failures.size === 0) this.log.mended();
  }
}

export function taskOf(order: Order, its: Partial<Omit<Task, keyof Order>> = {}): Task {
  return { ...order, restored: false, isRetry: false, step: 'actionban', ...its };
}

const gone = new EdgebanError('ERR_ACTION_GONE', 'what the action had made is gone, and cannot be made anew yet');

function ticketOf(ban: Ban, restored: boolean): Ticket {
  return { ban, family: familyOf(ban), restored };
}
