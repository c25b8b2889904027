/** One action of one jail: its orders one after the other, what failed again and again with growing pauses. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Ban } from '../../shared/ticket.ts';
import type { Failing, Order, TicketAction } from './ticket-action.ts';
import { type Task, TicketWork, taskOf, type WorkParts } from './ticket-work.ts';

export const queueLimits = {
  /** Orders that wait. Beyond, they are forgotten, and what is to be done is looked up in the store. */
  waiting_max: 20_000,
  /** So long a stop may take; what is left in force then is lifted by the next start. */
  stop_ms_max: 60_000,
  /** So long a stop waits for mails and the like, which no start makes up for. */
  last_words_ms_max: 10_000,
} as const;

export interface QueueParts extends WorkParts {
  /** The same action before a reload, and whether its commands were the same. */
  readonly before: { readonly queue: TicketQueue; readonly isSame: boolean } | null;
}

export class TicketQueue implements TicketAction {
  readonly name: string;
  readonly #parts: QueueParts;
  readonly #its: TicketWork;
  #before: QueueParts['before'];
  #fresh: Task[] = [];
  #later: Task[] = [];
  #isBegun = false;
  #looksUp = false;
  #reviews: 'no' | 'yes' | 'urgently' = 'no';
  #turn = 0;
  #work: Promise<void> | null = null;
  #timer: NodeJS.Timeout | undefined;
  #isClosing = false;
  #closed: Promise<void> | null = null;

  constructor(parts: QueueParts) {
    this.name = parts.conf.name;
    this.#parts = { ...parts, before: null };
    this.#before = parts.before;
    this.#its = new TicketWork(parts);
  }

  reconcile(): Promise<void> {
    this.#looksUp = true;
    return this.#run();
  }

  tell(orders: readonly Order[]): Promise<void> {
    if (this.#isClosing) return Promise.resolve();
    for (const order of orders) this.#fresh.push(taskOf(order));
    if (this.#fresh.length > queueLimits.waiting_max) {
      this.#fresh = [];
      this.#looksUp = true;
    }
    return this.#run();
  }

  review(isUrgent: boolean): Promise<void> {
    const { steps } = this.#parts;
    const canLook = steps.has('actioncheck') || steps.has('actionlist');
    if (this.#isClosing || !this.#isBegun || !canLook) return Promise.resolve();
    this.#reviews = isUrgent ? 'urgently' : this.#reviews === 'no' ? 'yes' : this.#reviews;
    return this.#run();
  }

  failing(): readonly Failing[] {
    return this.#its.failing();
  }

  close(options: { readonly flush: boolean }): Promise<void> {
    this.#closed ??= this.#close(options.flush || !this.#parts.steps.stays);
    return this.#closed;
  }

  async #close(dismantles: boolean): Promise<void> {
    const { norestored } = this.#parts.steps;
    if (norestored && this.#work !== null) await within(queueLimits.last_words_ms_max, this.#work);
    const isQuiet = await this.#halt();
    if (dismantles && this.#isBegun && isQuiet) await this.#its.dismantle(queueLimits.stop_ms_max);
  }

  /** Nothing new begins; resolves when what runs has ended, or (false) takes too long. */
  #halt(): Promise<boolean> {
    this.#isClosing = true;
    clearTimeout(this.#timer);
    return within(queueLimits.stop_ms_max, this.#work ?? Promise.resolve());
  }

  #run(): Promise<void> {
    this.#work ??= this.#drain().finally(() => {
      this.#work = null;
    });
    return this.#work;
  }

  async #drain(): Promise<void> {
    // what is told in the same turn waits together
    await Promise.resolve();
    if (!this.#isBegun) await this.#begin();
    await this.#review();
    for (let next = this.#next(); next !== null && !this.#isClosing; next = this.#next()) {
      await this.#its.carryOut(next);
      this.#queueRebans(next.kind === 'ban' ? next.ban.id : null);
      this.#note();
    }
    this.#schedule();
  }

  async #review(): Promise<void> {
    const reviews = this.#reviews;
    this.#reviews = 'no';
    if (reviews === 'no' || this.#isClosing) return;
    await this.#its.review(reviews === 'urgently');
    this.#queueRebans(null);
    this.#note();
  }

  /** Fresh orders and those from before take turns. */
  #next(): Task | null {
    if (this.#looksUp) this.#lookUp(false);
    this.#turn += 1;
    const [first, second] = this.#turn % 2 === 0 ? [this.#later, this.#fresh] : [this.#fresh, this.#later];
    return first.shift() ?? second.shift() ?? null;
  }

  async #begin(): Promise<void> {
    const before = this.#before;
    // not kept: there would be one more at each reload
    this.#before = null;
    this.#isBegun = true;
    const { lifecycle, marks } = this.#its;
    if (before !== null && (await before.queue.#handOver(before.isSame, this.#its))) await lifecycle.reload();
    else {
      const left = marks.load();
      if (left === null) await this.#startAnew();
      else {
        lifecycle.resume(left.stages);
        await this.#takeUp(left.boot === this.#parts.world.boot);
      }
    }
    this.#note();
  }

  /** True if the next one goes on from here; else all of it was taken away. */
  async #handOver(isSame: boolean, next: TicketWork): Promise<boolean> {
    const wasClosed = this.#closed !== null;
    this.#closed ??= isSame ? this.#halt().then(() => undefined) : this.#close(true);
    await this.#closed;
    if (wasClosed || !isSame || !this.#isBegun) return false;
    next.marks.adopt(this.#its.marks);
    next.lifecycle.resume(this.#its.lifecycle.stages);
    return true;
  }

  async #startAnew(): Promise<void> {
    await this.#its.start();
    this.#lookUp(true);
  }

  /** The daemon did not stop in order, or left its bans in force: does what it made still stand? */
  async #takeUp(isSameBoot: boolean): Promise<void> {
    const { lifecycle, marks, log } = this.#its;
    log.info('goes on from what an earlier run has left');
    const stands = (await lifecycle.stands()) ?? (isSameBoot ? true : null);
    if (stands === true) return;
    // a check that fails says that nothing is there; without one, after a boot, nobody can say: all is lifted first
    if (stands === null) await this.#its.liftAll(Number.POSITIVE_INFINITY, true);
    const known = new Set(marks.ids.filter((id) => marks.get(id) !== 'skipped'));
    for (const id of known) marks.drop(id);
    lifecycle.resume(new Map());
    await this.#its.start();
    for (const ban of this.#parts.jail.held() ?? []) {
      if (known.has(ban.id)) this.#later.push(taskOf({ kind: 'ban', ban }, { restored: true }));
    }
  }

  /** Orders for the difference between the store and what was done. */
  #lookUp(restored: boolean): void {
    this.#looksUp = false;
    const held = this.#parts.jail.held();
    if (held === null) return;
    const { marks, failures } = this.#its;
    const wanted = new Set(held.map(({ id }) => id));
    const waits = new Set([...this.#fresh, ...this.#later].map(({ ban }) => ban.id));
    const gone = marks.ids.filter((id) => !wanted.has(id) && !waits.has(id));
    const written = gone.length === 0 ? new Map<string, Ban>() : marks.written();
    for (const id of gone) {
      const ban = written.get(id);
      if (ban !== undefined) this.#later.push(taskOf({ kind: 'unban', ban }));
    }
    for (const ban of held) {
      const state = marks.get(ban.id);
      if (state === 'done' || state === 'skipped' || waits.has(ban.id) || failures.get(ban.id)) continue;
      this.#later.push(taskOf({ kind: 'ban', ban }, { restored }));
    }
  }

  /** All but the one that was just carried out. */
  #queueRebans(done: string | null): void {
    for (const ban of this.#its.takeRenewed()) {
      if (ban.id === done) continue;
      this.#its.log.rebans(ban);
      this.#later.push(taskOf({ kind: 'ban', ban }, { step: 'actionreban' }));
    }
  }

  #note(): void {
    this.#its.marks.setOwn(this.#parts.world.boot, this.#its.lifecycle.stages);
  }

  /** The next look at what failed. */
  #schedule(): void {
    clearTimeout(this.#timer);
    const { wait_ms } = this.#its.failures;
    if (this.#isClosing || wait_ms === null) return;
    this.#timer = setTimeout(() => this.#retry(), wait_ms);
    this.#timer.unref();
  }

  #retry(): void {
    const { failures } = this.#its;
    for (const { kind, ban } of failures.due()) {
      const now = this.#parts.jail.ban(ban.id);
      if (kind === 'ban' && now === null) failures.drop(ban.id);
      else this.#later.push(taskOf({ kind, ban: now ?? ban }, { isRetry: true }));
    }
    void this.#run();
  }
}

/** True if `work` has ended in time. */
function within(time_ms: number, work: Promise<void>): Promise<boolean> {
  const timeout = new AbortController();
  const late = sleep(time_ms, false, { signal: timeout.signal }).catch(() => false);
  return Promise.race([work.then(() => true), late]).finally(() => timeout.abort());
}
