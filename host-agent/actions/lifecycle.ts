/** fail2ban's order of steps: start (at once or on demand), ban, check and repair after a failure, flush, stop; by family. */
import type { StepName, Steps, Ticket, TicketFamily, Trouble, Voice } from './ticket-action.ts';

/**
 * Is the action started for a family, and does it hold bans of it? `stopped`: it was started once. `gone`: it held bans, but
 * somebody took away what it had made, and it could not be made anew yet.
 */
export type Stage = 'stopped' | 'started' | 'holds' | 'gone';

type Operation = 'actionstart' | 'actionstop' | 'actionflush' | 'actionreload';

export class Lifecycle {
  readonly #steps: Steps;
  readonly #log: Voice;
  /** The environment of these families was made anew: what was in it is gone. */
  readonly #renewed: (families: readonly TicketFamily[]) => void;
  #stages = new Map<TicketFamily, Stage>();
  /** What was executed for which family, by operation: what is the same for two is executed once. */
  readonly #executed = new Map<Operation, Map<TicketFamily, string>>();

  constructor(steps: Steps, log: Voice, renewed: (families: readonly TicketFamily[]) => void) {
    this.#steps = steps;
    this.#log = log;
    this.#renewed = renewed;
  }

  /** Of the families that are started, or should be. */
  get stages(): ReadonlyMap<TicketFamily, Stage> {
    return new Map([...this.#stages].filter(([, stage]) => stage !== 'stopped'));
  }

  isGone(family: TicketFamily): boolean {
    return this.#stages.get(family) === 'gone';
  }

  get hasGone(): boolean {
    return [...this.#stages.values()].includes('gone');
  }

  get #started(): TicketFamily[] {
    return [...this.#stages.keys()].filter((family) => this.#isStarted(family));
  }

  /** Goes on from what another has begun. */
  resume(stages: ReadonlyMap<TicketFamily, Stage>): void {
    this.#stages = new Map(stages);
    this.#executed.clear();
    for (const family of this.#started) this.#note('actionstart', family);
  }

  /** Nothing, where it starts on demand. */
  async start(): Promise<Trouble | null> {
    return this.#steps.onDemand ? null : this.#start(this.#steps.families);
  }

  async ban(ticket: Ticket, step: 'actionban' | 'actionreban'): Promise<Trouble | null> {
    const { family } = ticket;
    if (this.#steps.onDemand && !this.#isStarted(family)) {
      const trouble = await this.#start(family === '' ? this.#steps.families : [family]);
      if (trouble !== null) return { ...trouble, half: false };
    }
    const trouble = await this.#twice(this.#steps.has(step) ? step : 'actionban', ticket);
    if (trouble === null) this.#stages.set(family, 'holds');
    return trouble;
  }

  prolong(ticket: Ticket): Promise<Trouble | null> {
    return this.#twice('actionprolong', ticket);
  }

  async unban(ticket: Ticket): Promise<Trouble | null> {
    return this.#stages.get(ticket.family) === 'holds' ? this.#twice('actionunban', ticket) : null;
  }

  /** Lifts what may not be there: nothing follows from a failure. */
  async clean(ticket: Ticket): Promise<void> {
    await this.#steps.run('actionunban', ticket.family, ticket);
  }

  async reload(): Promise<void> {
    await this.#operate('actionreload', this.#started);
  }

  /** Takes all bans away at once. False: there is no such step, or it did not work; each has to be lifted by itself. */
  async flush(): Promise<boolean> {
    const holding = [...this.#stages].filter(([, stage]) => stage === 'holds').map(([family]) => family);
    if (holding.length === 0) return true;
    if (!this.#steps.has('actionflush')) return false;
    const trouble = await this.#operate('actionflush', holding, (family) => this.#stages.set(family, 'started'));
    return trouble === null;
  }

  stop(): Promise<Trouble | null> {
    const started = this.#started;
    this.#stages.clear();
    return this.#stop(started);
  }

  /** Does what was begun still stand? Null: nobody can say. */
  async stands(): Promise<boolean | null> {
    if (!this.#steps.has('actioncheck')) return null;
    for (const family of this.#started) if (!(await this.#passes(family))) return false;
    return true;
  }

  /** As `stands`, and mends what does not (fail2ban asks where a banned id fails again). */
  async consistent(): Promise<void> {
    if (!this.#steps.has('actioncheck')) return;
    for (const family of this.#started) {
      const insane = await this.#sane(family, 'actioncheck');
      // what cannot be begun anew has been told; the next time all are asked again
      if (insane !== null && insane !== 'insane') return;
      if (insane !== 'insane') continue;
      this.#setGone(family);
      this.#forget('actionstart', family);
    }
  }

  /** Begins anew where what was made is gone. */
  async recover(): Promise<void> {
    for (const family of this.#stages.keys()) if (this.isGone(family)) await this.#start([family]);
  }

  /** After a failure: is the environment there (perhaps made anew)? Then the step is worth another try. */
  async #twice(step: StepName, ticket: Ticket): Promise<Trouble | null> {
    const { family } = ticket;
    const trouble = await this.#steps.run(step, family, ticket);
    // what hangs is not asked twice in a row
    if (trouble === null || trouble.error.code === 'ERR_ACTION_TIMEOUT') return trouble;
    if (this.#steps.has('actioncheck')) {
      const insane = await this.#sane(family, step);
      if (insane !== null) return insane === 'insane' ? trouble : insane;
    }
    return this.#steps.run(step, family, ticket);
  }

  /** Null: all is there, or is there again. `step` is what did not work. */
  async #sane(family: TicketFamily, step: StepName): Promise<Trouble | 'insane' | null> {
    const isUnban = step === 'actionunban';
    if (isUnban && !this.#stages.has(family)) return null;
    if (await this.#passes(family)) return null;
    if (isUnban && !this.#steps.repairOnUnban) {
      this.#log.error('Invariant check failed. Unban is impossible.');
      return 'insane';
    }
    this.#log.error('Invariant check failed. Trying to restore a sane environment');
    const sharing = this.#sharing(family);
    const trouble = await this.#mend(family, !isUnban);
    if (trouble !== null) return trouble;
    if (this.#isStarted(family) && !(await this.#passes(family))) return this.#cannot();
    this.#renewed(sharing);
    return null;
  }

  async #mend(family: TicketFamily, forced: boolean): Promise<Trouble | 'insane' | null> {
    if (!this.#steps.has('actionrepair')) return this.#restart(family, forced);
    const isMade = (await this.#steps.run('actionrepair', family, null)) === null;
    if (isMade) this.#stages.set(family, 'started');
    else this.#setGone(family);
    return isMade ? null : this.#cannot();
  }

  async #restart(family: TicketFamily, forced: boolean): Promise<Trouble | null> {
    if (this.#stages.has(family)) {
      this.#setGone(family);
      // whether there was something to stop or not
      await this.#stop([family]);
    }
    return forced || !this.#steps.onDemand ? this.#start([family]) : null;
  }

  #cannot(): 'insane' {
    this.#log.error('Unable to restore environment');
    return 'insane';
  }

  #start(families: readonly TicketFamily[]): Promise<Trouble | null> {
    return this.#operate('actionstart', families, (family) => {
      this.#forget('actionstop', family);
      if (this.isGone(family)) this.#renewed(this.#sharing(family));
      this.#stages.set(family, 'started');
    });
  }

  #stop(families: readonly TicketFamily[]): Promise<Trouble | null> {
    return this.#operate('actionstop', families, (family) => this.#forget('actionstart', family));
  }

  /** What says the same for two families is executed once. The first trouble is told, and the rest done all the same. */
  async #operate(
    step: Operation,
    families: readonly TicketFamily[],
    done: (family: TicketFamily) => void = () => undefined,
  ): Promise<Trouble | null> {
    let first: Trouble | null = null;
    for (const family of families) {
      const key = this.#steps.keyOf(step, family);
      const others = [...(this.#executed.get(step) ?? [])].filter(([other]) => other !== family);
      const isDone = key === '' || others.some(([, executed]) => executed === key);
      const trouble = isDone ? null : await this.#steps.run(step, family, null);
      if (trouble === null) done(family);
      if (trouble === null) this.#note(step, family);
      else this.#forget(step, family);
      first ??= trouble;
    }
    return first;
  }

  #note(step: Operation, family: TicketFamily): void {
    const key = this.#steps.keyOf(step, family);
    const executed = this.#executed.get(step) ?? new Map<TicketFamily, string>();
    this.#executed.set(step, executed);
    if (key !== '') executed.set(family, key);
  }

  /** For all families for which it was the same. */
  #forget(step: Operation, family: TicketFamily): void {
    const executed = this.#executed.get(step) ?? new Map<TicketFamily, string>();
    // fail2ban forgets only what it noted for this very family: what was stopped for inet4 would never start again
    const key = executed.get(family) ?? this.#steps.keyOf(step, family);
    for (const [other, text] of executed) if (text === key) executed.delete(other);
  }

  async #passes(family: TicketFamily): Promise<boolean> {
    return (await this.#steps.run('actioncheck', family, null)) === null;
  }

  #isStarted(family: TicketFamily): boolean {
    const stage = this.#stages.get(family);
    return stage === 'started' || stage === 'holds';
  }

  /** Only who held bans has lost any. */
  #setGone(family: TicketFamily): void {
    const stage = this.#stages.get(family);
    this.#stages.set(family, stage === 'holds' || stage === 'gone' ? 'gone' : 'stopped');
  }

  /** The started families whose environment is the same as this one's. */
  #sharing(family: TicketFamily): TicketFamily[] {
    const key = this.#steps.keyOf('actionstart', family);
    const others = this.#started.filter((other) => this.#steps.keyOf('actionstart', other) === key);
    return [...new Set([family, ...others])];
  }
}
