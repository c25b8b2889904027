/** What an action does for one order, and what is noted of it. */
import { canonical } from '../../shared/address.ts';
import type { ActionConf } from '../../shared/config/action-conf.ts';
import { EdgebanError } from '../../shared/errors.ts';
import type { Ban } from '../../shared/ticket.ts';
import { isOver, type UnixTime } from '../../shared/time.ts';
import { Lifecycle } from './lifecycle.ts';
import type { Failing, Order, Steps, Ticket, TicketFamily, TicketJail, TicketWorld, Trouble } from './ticket-action.ts';
import { failureLimits, TicketFailures } from './ticket-failures.ts';
import { TicketLog } from './ticket-log.ts';
import { TicketMarks } from './ticket-marks.ts';
import { familyOf } from './ticket-tags.ts';

export const workLimits = {
  /** After so many timeouts in a row no ban is tried but by the retries: each would cost a minute. */
  timeouts_max: 3,
  /** fail2ban's: no more often is it looked whether all still stands. */
  check_ms: 3_000,
  /** By itself it is looked so often, when it is asked to, and so seldom that it takes a 500th of the time. */
  review_ms_min: 15_000,
  review_ms_max: 600_000,
  review_share: 1 / 500,
  /** A ban with so little time left may have run out in the firewall already. */
  ending_s: 5,
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
  readonly #now: () => UnixTime;
  #timeouts = 0;
  #checkedAt_ms = Number.NEGATIVE_INFINITY;
  #reviewAt_ms = 0;
  /** What the last look saw when all stood, if nothing has been done since. */
  #seen: string | null = null;
  /** How many reviews in a row could not make anew what was gone. */
  #vain = 0;
  /** Bans that somebody has taken away one by one. */
  #taken: ReadonlySet<string> = new Set();
  #renewed = new Set<TicketFamily>();

  constructor({ conf, steps, jail, world }: WorkParts) {
    this.#steps = steps;
    this.#jail = jail;
    this.#now = () => world.now();
    this.log = new TicketLog(jail.name, conf.name, world.voices.actions);
    this.marks = new TicketMarks({ ledger: world.ledger, jail: jail.name, conf, log: this.log });
    this.lifecycle = new Lifecycle(steps, this.log, (families) => {
      for (const family of families) this.#renewed.add(family);
    });
  }

  async start(): Promise<void> {
    const trouble = await this.lifecycle.start();
    if (trouble !== null) this.log.didNot('start', trouble);
  }

  carryOut(task: Task): Promise<void> {
    this.#seen = null;
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
    if (this.#renewed.size === 0 && this.#taken.size === 0) return [];
    const [renewed, taken] = [this.#renewed, this.#taken];
    this.#renewed = new Set();
    this.#taken = new Set();
    return this.#done().filter((ban) => renewed.has(familyOf(ban)) || taken.has(ban.id));
  }

  /** Somebody may have taken away what was made: it is made anew. */
  async review(isUrgent: boolean): Promise<void> {
    const began_ms = performance.now();
    if (!isUrgent && began_ms < this.#reviewAt_ms) return;
    const look = await this.#look();
    if (look !== null && look === this.#seen) return;
    await this.lifecycle.recover();
    if ((await this.lifecycle.stands()) === false) await this.lifecycle.consistent();
    this.#taken = await this.#missing();
    const stands = !this.lifecycle.hasGone && this.#taken.size === 0 && this.#renewed.size === 0;
    this.#seen = stands ? look : null;
    this.#vain = this.lifecycle.hasGone || this.#taken.size > 0 ? this.#vain + 1 : 0;
    if (this.#taken.size > 0 && this.#vain === 1) this.log.misses(this.#taken.size);
    const rest_ms = Math.max((performance.now() - began_ms) / workLimits.review_share, workLimits.review_ms_min);
    this.#reviewAt_ms = began_ms + Math.min(rest_ms * 2 ** this.#vain, workLimits.review_ms_max);
  }

  /** Of all families that are begun; null: nobody can say. */
  async #look(): Promise<string | null> {
    const families = [...this.lifecycle.stages.keys()];
    const looks = await Promise.all(families.map((family) => this.#steps.look(family)));
    return looks.length === 0 || looks.includes(null) ? null : looks.join('\n');
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

  /** Those of them that the action does not find where it has put them. */
  async #missing(): Promise<Set<string>> {
    if (!this.#steps.has('actionlist')) return new Set();
    const soon = this.#now() + workLimits.ending_s;
    const due = this.#done().filter((ban) => !isOver(ban.until, soon) && !this.#renewed.has(familyOf(ban)));
    const missing: string[] = [];
    for (const bans of Map.groupBy(due, (ban) => this.#steps.keyOf('actionlist', familyOf(ban))).values()) {
      const [first] = bans;
      const listed = first === undefined ? null : await this.#steps.list(familyOf(first));
      if (listed !== null) missing.push(...bans.filter((ban) => !listed.has(addressOf(ban))).map(({ id }) => id));
    }
    return new Set(missing);
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

function addressOf({ id, ip }: Ban): string {
  return ip ?? canonical(id) ?? id;
}

const gone = new EdgebanError('ERR_ACTION_GONE', 'what the action had made is gone, and cannot be made anew yet');

function ticketOf(ban: Ban, restored: boolean): Ticket {
  return { ban, family: familyOf(ban), restored };
}
