/** The jails that run: made from their plans, restored from the store, exchanged at a reload. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { IgnoreConf } from '../../shared/config/jail-values.ts';
import type { IgnoreEntry } from '../../shared/engine/decision.ts';
import { EdgebanError } from '../../shared/errors.ts';
import { createFilter, type Filter } from '../../shared/filter/filter.ts';
import type { UnixTime } from '../../shared/time.ts';
import { asciiText, decoderFor } from './decoder.ts';
import type { Effects } from './effects.ts';
import type { Fleet } from './fleet.ts';
import { ignoreCommandOf } from './ignore-command.ts';
import { IgnoreSources } from './ignore-sources.ts';
import type { Jail } from './jail.ts';
import { admits, makeJail } from './jail-making.ts';
import type { Core } from './parts.ts';
import { edgeJail, isTakenOver, type JailPlan, logsOf } from './plan.ts';
import { localZone, threadClock } from './ports.ts';

/** Nobody waits longer for the names in ignoreip. */
const names_ms_max = 5_000;

export class Roster {
  readonly #core: Core;
  readonly #fleet: Fleet | null;
  readonly #jails: Map<string, Jail>;
  readonly #ignored: IgnoreSources;
  #coming: readonly JailPlan[] = [];
  #isReading = false;

  /** `jails` is the roster's own from now on; who made it may look things up in it. */
  constructor(core: Core, fleet: Fleet | null, jails: Map<string, Jail>) {
    this.#core = core;
    this.#fleet = fleet;
    this.#jails = jails;
    const { resolver, log } = core.parts;
    this.#ignored = new IgnoreSources({ addressesOf: (name) => resolver.addresses(name), log: log.logger('filter') });
  }

  get names(): readonly string[] {
    return [...this.#jails.keys()];
  }

  /** Of the jails that want to read. */
  get plans(): readonly JailPlan[] {
    return [...this.#jails.values()].filter(({ idle }) => !idle).map((jail) => jail.plan);
  }

  get(name: string): Jail | undefined {
    return this.#jails.get(name);
  }

  /** Makes jails of plans, which can block but not read before they are `fit`, and tells those that cannot run. */
  async admit(plans: readonly JailPlan[]): Promise<void> {
    await this.#learn(plans);
    this.#admitAll(plans, (plan) => this.#make(plan, null, false));
  }

  /** Lets the jails read: their regexes are compiled only when the bans are in force. Returns those that cannot, which run no more. */
  fit(): Jail[] {
    const unfit = [...this.#jails.values()].filter(
      (jail) => !admits(jail.plan, this.#core, (plan) => jail.takeOver(this.#meansOf(plan))),
    );
    for (const { name } of unfit) this.#jails.delete(name);
    this.#renewRules();
    return unfit;
  }

  #admitAll(plans: readonly JailPlan[], make: (plan: JailPlan) => void): string[] {
    this.#coming = [];
    const admitted = plans.filter((plan) => admits(plan, this.#core, make)).map(({ name }) => name);
    this.#renewRules();
    return admitted;
  }

  /** Makes a jail of a plan. Throws what is wrong with it. */
  create(plan: JailPlan, { idle }: { readonly idle: boolean }): void {
    this.#make(plan, this.compile(plan, this.#linesFor(plan)), idle);
  }

  #make(plan: JailPlan, filter: Filter | null, idle: boolean): void {
    const ignoreip = this.#ignored.entriesOf(plan.ignoreip);
    makeJail({ plan, filter, idle, ignoreip }, this.#core, this.#jails);
  }

  /** Gives a jail another plan until the next reload. Throws what is wrong with it, and then all stays as it is. */
  alter(jail: Jail, plan: JailPlan): void {
    const isSameFilter = plan.filter === jail.plan.filter && logsOf(plan) === logsOf(jail.plan);
    jail.takeOver(isSameFilter ? this.#meansOf(plan, jail.filter) : this.#meansOf(plan));
  }

  #meansOf(plan: JailPlan, filter = this.compile(plan, this.#linesFor(plan))) {
    return { plan, filter, ignoreCommand: ignoreCommandOf(plan, this.#core) };
  }

  /** Of a jail that reads the same logs: what is done to a line before the regexes is done once for all of them. */
  #linesFor(plan: JailPlan): Filter['lines'] | undefined {
    const logs = logsOf(plan);
    for (const jail of this.#jails.values()) {
      if (jail.name !== plan.name && jail.filter !== null && logsOf(jail.plan) === logs) return jail.filter.lines;
    }
    return undefined;
  }

  /** `lines` are those of a filter that is given the same lines at the same times. */
  compile(plan: JailPlan, lines?: Filter['lines']): Filter | null {
    if (plan.filter === null || plan.filter.failregex.length === 0) return null;
    const { re2, resolver, now } = this.#core.parts;
    const resolve = (name: string) => resolver.known(name);
    const decode = decoderFor(plan);
    const ports = { re2, zone: localZone, decode, ascii: asciiText, lines, resolve, clock: threadClock };
    return createFilter(plan.filter, ports, now());
  }

  /** Asks for the addresses of the names in ignoreip, which may have changed. */
  async resolveNames(): Promise<void> {
    await this.#ignored.resolve(this.#ignoreip());
    this.#renewRules();
  }

  /** Looks whether the files in ignoreip have changed. */
  async readIgnoreFiles(): Promise<void> {
    // a file system that hangs must not be asked again each second
    if (this.#isReading) return;
    this.#isReading = true;
    const changed = await this.#ignored.read(this.#ignoreip());
    this.#isReading = false;
    if (!changed) return;
    await this.#ignored.resolve(this.#ignoreip());
    this.#renewRules();
    this.#reviewFleet();
  }

  /** Gives a jail other rules until the next reload. */
  change(jail: Jail, rules: Partial<JailPlan['rules']>): void {
    jail.change(rules);
    this.#renewRules();
  }

  /** Has a jail spare others until the next reload. */
  async spare(jail: Jail, ignoreip: readonly IgnoreConf[]): Promise<void> {
    jail.ignoreip = ignoreip;
    this.#renewRules();
    await this.#learn(this.#coming);
    this.#renewRules();
    this.#reviewFleet();
  }

  /** What names and files stand for, also those of jails that are to come. A resolver that does not answer holds nobody up. */
  async #learn(coming: readonly JailPlan[]): Promise<void> {
    this.#coming = coming;
    const learnt = this.#ignored.read(this.#ignoreip()).then(() => this.#ignored.resolve(this.#ignoreip()));
    await Promise.race([learnt, sleep(names_ms_max, undefined, { ref: false })]);
  }

  /** What any jail spares, those that are to come among them. */
  #ignoreip(): IgnoreConf[] {
    const all = [...this.#jails.values(), ...this.#coming].flatMap(({ ignoreip }) => ignoreip);
    return [...new Map(all.map((entry) => [entry.text, entry])).values()];
  }

  /** The jail for other hosts' bans spares whom any jail of this host spares. */
  #renewRules(): void {
    // jails with the same list share one set of entries
    const sets = new Map<string, readonly IgnoreEntry[]>();
    for (const jail of this.#jails.values()) {
      const list = jail.name === edgeJail ? this.#ignoreip() : jail.ignoreip;
      const key = list.map(({ text }) => text).join(' ');
      const ignoreip = sets.get(key) ?? this.#ignored.entriesOf(list);
      sets.set(key, ignoreip);
      this.#core.engine.setRules(jail.name, { ...jail.rules, ignoreip });
    }
  }

  /** Whom this host has come to spare is let go of, if another host banned it. */
  #reviewFleet(): void {
    const { desk } = this.#core;
    if (this.#fleet === null) return;
    try {
      desk.transact((effects, now) => this.#fleet?.review(now, effects));
    } catch (error) {
      // the desk has told what is wrong with the database
      if (!desk.isBroken) throw error;
    }
  }

  /** Writes what is left of the saved bans, and makes the firewall so. */
  async restore(jails: readonly string[]): Promise<void> {
    this.#core.desk.transact((effects, now) => {
      for (const jail of jails) this.#restoreOne(jail, now, effects);
    });
    await Promise.all(jails.map((jail) => this.#jails.get(jail)?.reconcile()));
  }

  /** Takes the places of the jails `names` by those of `plans`. The firewall gets the new before it loses the old. */
  async exchange(plans: readonly JailPlan[], names: readonly string[], restart: boolean): Promise<void> {
    await this.#learn(plans);
    const old = names.flatMap((name) => this.#jails.get(name) ?? []);
    const isGone = (name: string) => !plans.some((plan) => plan.name === name);
    for (const { name } of old) {
      if (isGone(name)) this.#jails.delete(name);
      else if (restart) this.#forgetCounters(name);
    }
    await this.restore(this.#admitAll(plans, (plan) => this.create(plan, { idle: false })));
    for (const jail of old) {
      const next = this.#jails.get(jail.name);
      if (next !== jail) await jail.close({ flush: (index) => !isTakenOver(jail.plan, index, next?.plan) });
      // last: the commands that undo what it made name its rules
      if (isGone(jail.name)) this.#forgetCounters(jail.name);
    }
  }

  /** `flush` takes all blocks out of the firewall. */
  async close(options: { readonly flush: boolean }): Promise<void> {
    await Promise.all([...this.#jails.values()].map((jail) => jail.close({ flush: () => options.flush })));
  }

  #restoreOne(jail: string, now: UnixTime, effects: Effects): void {
    const { store, log } = this.#core.parts;
    if (jail === edgeJail) this.#fleet?.review(now, effects);
    else this.#restoreBans(jail, now, effects);
    const held = store.bans.heldCount(jail);
    if (held > 0) effects.say(() => log.logger('actions').notice(`[${jail}] Restore ${held} ban(s)`));
  }

  #restoreBans(jail: string, now: UnixTime, effects: Effects): void {
    const { parts, engine, court } = this.#core;
    const { bans } = parts.store;
    let kept = 0;
    for (const ban of bans.heldIn(jail)) {
      const restored = engine.restore(ban, now);
      if (restored.ban === null)
        court.drop(ban, restored.why === null ? 'its time is over' : `ignored by ${restored.why.by}`, now, effects);
      else if (restored.ban !== ban) bans.change(restored.ban);
      if (restored.ban !== null) kept += 1;
    }
    const running = this.#jails.get(jail);
    if (running !== undefined) running.totalBanned += kept;
  }

  #forgetCounters(jail: string): void {
    const { parts, engine, desk } = this.#core;
    engine.dropJail(jail);
    desk.transact(() => parts.store.counters.forgetJail(jail));
  }

  /** Gives a jail other actions until the next reload, by the way of a reload: all else goes on as it was. */
  async alterActions(old: Jail, actions: JailPlan['actions']): Promise<void> {
    const { name, rules, ignoreip, idle, totalFailed, totalBanned } = old;
    await this.exchange([{ ...old.plan, rules, ignoreip, actions }], [name], false);
    const jail = this.#jails.get(name);
    if (jail === undefined || jail === old)
      throw new EdgebanError('ERR_ACTION_PARAMETER', 'the action cannot be used so', { remedy: 'the log says why' });
    jail.idle = idle;
    jail.totalFailed = totalFailed;
    jail.totalBanned = totalBanned;
  }
}
