/** Jails that an error keeps from running: nothing is read for them, and what they have banned stays in force. */
import type { LeftOutJail } from '../control/agent-control.ts';
import type { Jail } from './jail.ts';
import { admits, makeJail } from './jail-making.ts';
import type { Core } from './parts.ts';
import { isTakenOver, type JailPlan } from './plan.ts';

export class LeftOut {
  readonly #core: Core;
  readonly #jails: Map<string, Jail>;

  /** `jails` are its own from now on; who made them may look things up there. */
  constructor(core: Core, jails: Map<string, Jail>) {
    this.#core = core;
    this.#jails = jails;
  }

  get jails(): readonly Jail[] {
    return [...this.#jails.values()];
  }

  /** Its jails, and those of `names` that do not run either, with the bans that stay in force. */
  told(names: readonly string[], running: readonly string[]): LeftOutJail[] {
    const { bans } = this.#core.parts.store;
    const all = new Set([...names, ...this.#jails.keys()]);
    const idle = [...all].filter((name) => !running.includes(name));
    return idle.map((name) => ({ name, bans: () => [...bans.heldIn(name)] }));
  }

  /** Jails that cannot read, but whose actions work. */
  take(jails: readonly Jail[]): void {
    for (const jail of jails) this.#jails.set(jail.name, jail);
  }

  /** Makes the firewall as the bans of these jails say: commands have lifted them when the daemon stopped. */
  async hold(plans: readonly JailPlan[]): Promise<void> {
    const { parts } = this.#core;
    for (const plan of plans.filter(({ name }) => parts.store.bans.heldCount(name) > 0)) {
      const need = { plan, filter: null, idle: true, ignoreip: [] };
      if (admits(plan, this.#core, () => makeJail(need, this.#core, this.#jails))) this.#tell(plan.name);
    }
    await Promise.all(this.jails.map((jail) => jail.reconcile()));
  }

  /** Jails `names` are whole again (then `next` goes on with what they have in the firewall), or are wanted no more. */
  async release(names: readonly string[], next: (name: string) => Jail | undefined): Promise<void> {
    for (const name of names) {
      const [jail, plan] = [this.#jails.get(name), next(name)?.plan];
      this.#jails.delete(name);
      await jail?.close({ flush: (index) => !isTakenOver(jail.plan, index, plan) });
      // last: the commands that undo what it made name its rules
      if (plan === undefined) this.#core.engine.dropJail(name);
    }
  }

  /** `flush` takes all blocks out of the firewall. */
  async close({ flush }: { readonly flush: boolean }): Promise<void> {
    await Promise.all(this.jails.map((jail) => jail.close({ flush: () => flush })));
  }

  #tell(name: string): void {
    const { store, log } = this.#core.parts;
    const count = store.bans.heldCount(name);
    log
      .logger('actions')
      .notice(`[${name}] is left out: its ${count} ban(s) stay in force till they end or are lifted`);
  }
}
