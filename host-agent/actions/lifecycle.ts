/** fail2ban's order of steps: start (at once or on demand), ban, check and repair after a failure, flush, stop; by family. */
import type { StepName, Steps, Ticket, TicketFamily, Trouble, Voice } from './ticket-action.ts';

/** Is the action started for a family, and does it hold bans of it? */
type Stage = 'started' | 'holds';

export class Lifecycle {
  readonly #steps: Steps;
  readonly #log: Voice;
  /** The environment of these families was made anew: what was in it is gone. */
  readonly #renewed: (families: readonly TicketFamily[]) => void;
  #stages = new Map<TicketFamily, Stage>();

  constructor(steps: Steps, log: Voice, renewed: (families: readonly TicketFamily[]) => void) {
    this.#steps = steps;
    this.#log = log;
    this.#renewed = renewed;
  }

  get stages(): ReadonlyMap<TicketFamily, Stage> {
    return this.#stages;
  }

  /** Goes on from what another has begun. */
  resume(stages: ReadonlyMap<TicketFamily, Stage>): void {
    this.#stages = new Map(stages);
  }

  /** Nothing, where it starts on demand. */
  start(): Promise<Trouble | null> {
    return this.#steps.onDemand ? Promise.resolve(null) : this.#start(this.#steps.families);
  }

  async ban(ticket: Ticket, step: 'actionban' | 'actionreban'): Promise<Trouble | null> {
    const { family } = ticket;
    if (this.#steps.onDemand && !this.#stages.has(family)) {
      const trouble = await this.#start(family === '' ? this.#steps.families : [family]);
      if (trouble !== null) return { ...trouble, half: false };
    }
    const known = this.#steps.has(step) ? step : 'actionban';
    const trouble = await this.#twice(known, ticket);
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
    await this.#forEach('actionreload', [...this.#stages.keys()]);
  }

  /** Takes all bans away at once. False: there is no such step, or it did not work; each has to be lifted by itself. */
  async flush(): Promise<boolean> {
    const holding = [...this.#stages].filter(([, stage]) => stage === 'holds').map(([family]) => family);
    if (holding.length === 0) return true;
    if (!this.#steps.has('actionflush')) return false;
    const trouble = await this.#forEach('actionflush', holding);
    if (trouble !== null) return false;
    for (const family of holding) this.#stages.set(family, 'started');
    return true;
  }

  stop(): Promise<Trouble | null> {
    const started = [...this.#stages.keys()];
    this.#stages.clear();
    return this.#forEach('actionstop', started);
  }

  /** Does what was begun still stand? Asked where a banned id fails again. Null: nobody can say. */
  async stands(): Promise<boolean | null> {
    if (!this.#steps.has('actioncheck')) return null;
    for (const family of this.#stages.keys()) {
      if ((await this.#steps.run('actioncheck', family, null)) !== null) return false;
    }
    return true;
  }

  /** As `stands`, and mends what does not. */
  async consistent(): Promise<void> {
    if (!this.#steps.has('actioncheck')) return;
    for (const family of [...this.#stages.keys()]) await this.#sane(family, 'actioncheck');
  }

  /** After a failure: is the environment there (perhaps made anew)? Then the step is worth another try. */
  async #twice(step: StepName, ticket: Ticket): Promise<Trouble | null> {
    const { family } = ticket;
    const trouble = await this.#steps.run(step, family, ticket);
    // what hangs is not asked twice in a row
    if (trouble === null || trouble.error.code === 'ERR_ACTION_TIMEOUT') return trouble;
    if (!(await this.#sane(family, step))) return trouble;
    return this.#steps.run(step, family, ticket);
  }

  async #sane(family: TicketFamily, step: StepName): Promise<boolean> {
    const steps = this.#steps;
    if (!steps.has('actioncheck') || (await steps.run('actioncheck', family, null)) === null) return true;
    if (step === 'actionunban' && !steps.repairOnUnban) {
      this.#log.error('Invariant check failed. Unban is impossible.');
      return false;
    }
    this.#log.error('Invariant check failed. Trying to restore a sane environment');
    const renewed = this.#sharing('actionstart', family);
    const isMade = steps.has('actionrepair') ? await this.#repair(family) : await this.#restart(family);
    if (isMade && (await steps.run('actioncheck', family, null)) === null) {
      this.#renewed(renewed);
      return true;
    }
    this.#log.error('Unable to restore environment');
    return false;
  }

  async #repair(family: TicketFamily): Promise<boolean> {
    const isMade = (await this.#steps.run('actionrepair', family, null)) === null;
    if (isMade) this.#stages.set(family, 'started');
    else this.#stages.delete(family);
    return isMade;
  }

  async #restart(family: TicketFamily): Promise<boolean> {
    const sharing = this.#sharing('actionstart', family);
    // whether there was something to stop or not
    await this.#steps.run('actionstop', family, null);
    for (const each of sharing) this.#stages.delete(each);
    return (await this.#start(sharing)) === null;
  }

  /** The started families whose step is the same as this one's. */
  #sharing(step: StepName, family: TicketFamily): TicketFamily[] {
    const others = [...this.#stages.keys()].filter((one) => this.#steps.sameAs(step, one, family));
    return [...new Set([family, ...others])];
  }

  async #start(families: readonly TicketFamily[]): Promise<Trouble | null> {
    for (const family of families) {
      const isDone = [...this.#stages.keys()].some((other) => this.#steps.sameAs('actionstart', other, family));
      const trouble = isDone ? null : await this.#steps.run('actionstart', family, null);
      if (trouble !== null) return trouble;
      if (!this.#stages.has(family)) this.#stages.set(family, 'started');
    }
    return null;
  }

  /** A step that says the same for two families is done once. The first trouble is told, and the rest done all the same. */
  async #forEach(step: StepName, families: readonly TicketFamily[]): Promise<Trouble | null> {
    let first: Trouble | null = null;
    for (const [index, family] of families.entries()) {
      if (families.slice(0, index).some((other) => this.#steps.sameAs(step, other, family))) continue;
      const trouble = await this.#steps.run(step, family, null);
      first ??= trouble;
    }
    return first;
  }
}
