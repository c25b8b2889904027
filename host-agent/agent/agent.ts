/** The agent: jails, sources, store and the link to the edge put together; what the control socket talks to. */
import { networkInterfaces } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { parsePrefix } from '../../shared/address.ts';
import { Engine } from '../../shared/engine/engine.ts';
import { Guard, type GuardSettings } from '../../shared/engine/guard.ts';
import { describeError, EdgebanError } from '../../shared/errors.ts';
import { createFilter, type Filter, type PendingFailure } from '../../shared/filter/filter.ts';
import type { Re2 } from '../../shared/filter/regex/pattern.ts';
import type { Store } from '../../shared/store/store.ts';
import type { Line } from '../../shared/ticket.ts';
import type { Seconds, UnixTime } from '../../shared/time.ts';
import type { Action } from '../actions/action.ts';
import type { AgentControl, EdgeReport, JailControl, ReloadOptions } from '../control/agent-control.ts';
import type { Resolver } from '../dns.ts';
import type { Log } from '../log.ts';
import type { Batch, Source } from '../sources/source.ts';
import { Court } from './court.ts';
import { Desk } from './desk.ts';
import type { Effects } from './effects.ts';
import { Fleet } from './fleet.ts';
import { Jail } from './jail.ts';
import { JailDesk } from './jail-desk.ts';
import { type ActionPlan, edgeJail, type JailPlan, namedEntries, type SourcePlan } from './plan.ts';
import { decoderOf, localZone } from './ports.ts';
import { Sources } from './sources.ts';

/** What a configuration asks for, read and checked. */
export interface AgentPlan {
  readonly jails: readonly JailPlan[];
  readonly guard: Omit<GuardSettings, 'own'>;
  readonly dbpurgeage: Seconds;
}

/** The link to the Worker while it runs. */
export interface EdgeLink {
  /** Something new waits in the outbox. */
  wake(): void;
  report(): EdgeReport;
  close(): Promise<void>;
}

/** Where a source begins: behind its saved position, or at a time. */
export interface SourceStart {
  readonly position: string | null;
  readonly since: UnixTime;
  /** The time that a line tells. */
  timeOf(line: Line): UnixTime | null;
}

export interface AgentParts {
  readonly version: string;
  readonly log: Log;
  readonly store: Store;
  readonly dbFile: string;
  readonly re2: Re2;
  readonly resolver: Resolver;
  now(): UnixTime;
  random(): number;
  createAction(plan: ActionPlan): Action;
  createSource(plan: SourcePlan, start: SourceStart): Source;
  /** Reads the configuration anew for a reload; throws what is wrong with it. */
  plan(): Promise<AgentPlan>;
  /** This host's id at the ledger; null: it is not enrolled. */
  readonly host: string | null;
  /** `resync` begins the outbox anew with all bans in force. */
  startLink(fleet: Fleet, resync: () => void): EdgeLink;
}

export const agentLimits = {
  tick_ms: 500,
  ended_per_tick_max: 2_000,
  rescan_s: 10,
  own_addresses_s: 60,
  purge_s: 3_600,
  /** As long as the resolver keeps an answer. */
  names_s: 300,
  /** A start does not wait longer for the names in ignoreip. */
  names_ms_max: 5_000,
  /** How long lifted bans of other hosts are remembered. */
  heard_age_s: 7 * 86_400,
} as const;

export class Agent implements AgentControl {
  readonly version: string;
  readonly #parts: AgentParts;
  readonly #engine: Engine;
  readonly #court: Court;
  readonly #desk: Desk;
  readonly #sources: Sources;
  readonly #fleet: Fleet | null;
  readonly #jails = new Map<string, Jail>();
  /** When each of the slower chores is due. */
  readonly #due = new Map<string, UnixTime>();
  #plan: AgentPlan;
  #link: EdgeLink | null = null;
  #timer: NodeJS.Timeout | undefined;
  #reloading: Promise<void> = Promise.resolve();

  constructor(parts: AgentParts, plan: AgentPlan) {
    const { store, log } = parts;
    this.version = parts.version;
    this.#parts = parts;
    this.#plan = plan;
    this.#engine = new Engine({ guard: this.#guardOf(plan), history: store.bans, random: () => parts.random() });
    const engine = this.#engine;
    this.#court = new Court({ store, engine, log, isEnrolled: () => parts.host !== null });
    this.#desk = new Desk({
      store,
      engine,
      log: log.logger('database'),
      now: () => parts.now(),
      project: async (jail, changes) => this.#jails.get(jail)?.project(changes),
      wake: () => this.#link?.wake(),
    });
    this.#fleet = this.#fleetOf(parts.host);
    this.#sources = new Sources({
      create: (source, readers) => this.#createSource(source, readers),
      take: (jails, batch) => this.#take(jails, batch),
      failed: (name, reason) => log.logger('filter').error(`${name}: ${reason}; it is tried again`),
    });
  }

  /** Restores what was, makes the firewall so, and begins to read. Jails that cannot run are told and left out. */
  async start(): Promise<void> {
    this.#engine.setGuard(this.#guardOf(this.#plan));
    for (const plan of this.#plan.jails) this.#admit(plan);
    await Promise.race([this.#resolveNames(), sleep(agentLimits.names_ms_max, undefined, { ref: false })]);
    this.#engine.loadCounters(this.#parts.store.counters.all());
    this.#desk.transact((effects, now) => this.#restore([...this.#jails.keys()], now, effects));
    await Promise.all([...this.#jails.values()].map((jail) => jail.reconcile()));
    for (const name of this.#jails.keys()) this.#parts.log.logger('jail').info(`Jail '${name}' started`);
    await this.#follow();
    if (this.#fleet !== null) this.#link = this.#parts.startLink(this.#fleet, () => this.#tellAnew());
    this.#timer = setInterval(() => this.#tick(), agentLimits.tick_ms);
  }

  jails(): readonly string[] {
    return [...this.#jails.keys()];
  }

  jail(name: string): JailControl | null {
    const jail = this.#jails.get(name);
    if (jail === undefined) return null;
    const { store } = this.#parts;
    const files = () => this.#sources.filesOf(name);
    return new JailDesk({ jail, store, engine: this.#engine, court: this.#court, desk: this.#desk, files });
  }

  async unbanAll(): Promise<number> {
    const { result, settled } = this.#desk.transact((effects, now) => this.#pardon(this.jails(), now, effects));
    await settled;
    return result;
  }

  /** One after the other. A configuration with an error in it changes nothing (as with fail2ban) and is thrown. */
  reload(options: ReloadOptions): Promise<void> {
    const next = this.#reloading.catch(() => undefined).then(() => this.#reload(options));
    this.#reloading = next;
    return next;
  }

  /** Bans stay in the firewall, with their time-outs, unless they are to be lifted. */
  async stop(options: { readonly unban: boolean }): Promise<void> {
    clearInterval(this.#timer);
    await this.#reloading.catch(() => undefined);
    await this.#sources.close();
    if (options.unban) await this.unbanAll();
    await this.#link?.close();
    await Promise.all([...this.#jails.values()].map((jail) => jail.close({ flush: options.unban })));
    this.#parts.log.logger('server').info('Exiting edgeban');
  }

  flushLogs(): 'rolled over' | 'flushed' {
    return this.#parts.log.reopen();
  }

  get logLevel(): string {
    return this.#parts.log.level;
  }

  get logTarget(): string {
    return this.#parts.log.target;
  }

  get dbFile(): string | null {
    return this.#parts.dbFile;
  }

  edge(): EdgeReport | null {
    return this.#link?.report() ?? null;
  }

  #fleetOf(host: string | null): Fleet | null {
    if (host === null) return null;
    const log = this.#parts.log.logger('edge');
    const { store } = this.#parts;
    return new Fleet({ store, engine: this.#engine, court: this.#court, desk: this.#desk, log, host });
  }

  #guardOf(plan: AgentPlan): Guard {
    return new Guard({ ...plan.guard, own: ownAddresses() });
  }

  /** Makes a jail of a plan; false if it cannot run (which is told). */
  #admit(plan: JailPlan): boolean {
    try {
      const filter = this.#compile(plan);
      const actions = plan.actions.map((action) => this.#parts.createAction(action));
      const { store, log } = this.#parts;
      const world = { store, engine: this.#engine, court: this.#court, log, isKnown: () => !this.#desk.isBroken };
      this.#engine.setRules(plan.name, plan.rules);
      this.#jails.set(plan.name, new Jail({ plan, filter, actions }, world));
      return true;
    } catch (error) {
      if (!(error instanceof EdgebanError)) throw error;
      this.#parts.log.logger('jail').error(`[${plan.name}] is left out: ${describeError(error)} (${error.code})`);
      return false;
    }
  }

  #compile(plan: JailPlan): Filter | null {
    if (plan.filter === null) return null;
    const { re2, resolver, now } = this.#parts;
    const resolve = (name: string) => resolver.known(name);
    return createFilter(plan.filter, { re2, zone: localZone, decode: decoderOf(plan.logencoding), resolve }, now());
  }

  /** Asks again for the addresses of the names in ignoreip. */
  async #resolveNames(): Promise<void> {
    for (const { plan } of this.#jails.values()) {
      const asked = plan.ignoreNames.map(async (name) =>
        namedEntries(name, await this.#parts.resolver.addresses(name)),
      );
      const entries = (await Promise.all(asked)).flat();
      const { rules } = plan;
      if (this.#jails.get(plan.name)?.plan !== plan) continue;
      this.#engine.setRules(plan.name, { ...rules, ignoreip: [...rules.ignoreip, ...entries] });
    }
  }

  #restore(jails: readonly string[], now: UnixTime, effects: Effects): void {
    const { store, log } = this.#parts;
    for (const jail of jails) {
      if (jail === edgeJail) this.#fleet?.review(now, effects);
      else this.#restoreJail(jail, now, effects);
      const held = store.bans.heldCount(jail);
      if (held > 0) effects.say(() => log.logger('actions').notice(`[${jail}] Restore ${held} ban(s)`));
    }
  }

  #restoreJail(jail: string, now: UnixTime, effects: Effects): void {
    const { bans } = this.#parts.store;
    const before = bans.heldIn(jail);
    const { kept, dropped } = this.#engine.restore(jail, before, now);
    for (const ban of kept) bans.change(ban);
    for (const { ban, why } of dropped)
      this.#court.drop(ban, why === null ? 'its time is over' : `ignored by ${why.by}`, now, effects);
    const running = this.#jails.get(jail);
    if (running !== undefined) running.totalBanned += kept.length;
  }

  async #follow(): Promise<void> {
    await this.#sources.follow([...this.#jails.values()].map((jail) => jail.plan));
  }

  #createSource(plan: SourcePlan, readers: readonly string[]): Source {
    const { store, now } = this.#parts;
    const jails = readers.flatMap((name) => this.#jails.get(name)?.plan ?? []);
    const findtime = Math.max(0, ...jails.map(({ rules }) => rules.findtime));
    const name = sourceName(plan);
    const dates = jails.map((jail) => this.#compile(jail)).find((filter) => filter !== null) ?? null;
    const timeOf = (line: Line) => dates?.process(line, now(), 'unchecked').time ?? null;
    const source = this.#parts.createSource(plan, {
      position: store.positions.get(name),
      since: now() - findtime,
      timeOf,
    });
    if (source.name !== name) throw new Error(`the source ${source.name} was expected to be ${name}`);
    return source;
  }

  /** One batch, one transaction: the lines' failures, bans, events and the place behind them are written together. */
  #take(jails: readonly string[], batch: Batch): void {
    const pending: [Jail, PendingFailure][] = [];
    this.#desk.transact((effects, now) => {
      for (const name of jails) {
        const jail = this.#jails.get(name);
        const mode = batch.live ? 'operation' : 'initial';
        for (const failure of jail?.read(batch.lines, mode, now, effects) ?? [])
          if (jail !== undefined) pending.push([jail, failure]);
      }
      this.#parts.store.positions.set(batch.source, batch.position);
    });
    for (const [jail, failure] of pending) void this.#hearLater(jail, failure);
  }

  /** A failure of a host name counts when its addresses have come. */
  async #hearLater(jail: Jail, failure: PendingFailure): Promise<void> {
    const addresses = await this.#parts.resolver.addresses(failure.name);
    if (this.#jails.get(jail.name) !== jail) return;
    try {
      this.#desk.transact((effects, now) => jail.hearNamed(failure, addresses, now, effects));
    } catch (error) {
      // the desk has told what is wrong with the database
      if (!this.#desk.isBroken) throw error;
    }
  }

  #pardon(jails: readonly string[], now: UnixTime, effects: Effects): number {
    const bans = jails.flatMap((jail) => this.#parts.store.bans.heldIn(jail));
    for (const ban of bans) this.#court.pardon(ban, now, effects);
    return bans.length;
  }

  async #reload({ jail, restart, unban, ifExists }: ReloadOptions): Promise<void> {
    const plan = await this.#parts.plan();
    const known = jail === null || plan.jails.some(({ name }) => name === jail) || this.#jails.has(jail);
    if (!known && ifExists) return;
    if (!known) throw new EdgebanError('ERR_JAIL_UNKNOWN', `Sorry but the jail '${jail}' does not exist`);
    const affected = (name: string) => jail === null || name === jail;
    if (unban) await this.#unbanSome(this.jails().filter(affected));
    this.#plan = plan;
    this.#engine.setGuard(this.#guardOf(plan));
    await this.#exchange(
      plan.jails.filter(({ name }) => affected(name)),
      this.jails().filter(affected),
      restart,
    );
    await this.#follow();
  }

  async #unbanSome(jails: readonly string[]): Promise<void> {
    await this.#desk.transact((effects, now) => this.#pardon(jails, now, effects)).settled;
  }

  /** Takes the old jails' places by the new ones. The firewall gets the new before it loses the old. */
  async #exchange(plans: readonly JailPlan[], names: readonly string[], restart: boolean): Promise<void> {
    const old = new Map(names.map((name) => [name, this.#jails.get(name)]));
    for (const name of names) {
      const isGone = !plans.some((plan) => plan.name === name);
      if (isGone) this.#jails.delete(name);
      if (isGone || restart) this.#forgetCounters(name);
    }
    const admitted = plans.filter((plan) => this.#admit(plan)).map(({ name }) => name);
    this.#desk.transact((effects, now) => this.#restore(admitted, now, effects));
    await Promise.all(admitted.map((name) => this.#jails.get(name)?.reconcile()));
    void this.#resolveNames();
    for (const [name, jail] of old) {
      if (jail === undefined || this.#jails.get(name) === jail) continue;
      await jail.close({ flush: !this.#hasSameSets(jail) });
    }
  }

  #forgetCounters(jail: string): void {
    this.#engine.dropJail(jail);
    this.#desk.transact(() => this.#parts.store.counters.forgetJail(jail));
  }

  /** Does the jail's successor use the same sets? Then they are its own now. */
  #hasSameSets(old: Jail): boolean {
    const next = this.#jails.get(old.name);
    return next !== undefined && setsOf(next.plan) === setsOf(old.plan);
  }

  #tick(): void {
    const now = this.#parts.now();
    try {
      this.#expire(now);
      if (this.#isDue('rescan', agentLimits.rescan_s, now)) void this.#follow();
      if (this.#isDue('own', agentLimits.own_addresses_s, now)) this.#engine.setGuard(this.#guardOf(this.#plan));
      if (this.#isDue('names', agentLimits.names_s, now)) void this.#resolveNames();
      if (this.#isDue('purge', agentLimits.purge_s, now)) this.#purge();
    } catch (error) {
      // the desk has told what is wrong with the database; the next tick tries again
      if (!this.#desk.isBroken) throw error;
    }
  }

  #expire(now: UnixTime): void {
    const next = this.#parts.store.bans.nextEnd();
    this.#engine.purge(now);
    if (next === null || next > now) return;
    this.#desk.transact((effects) => {
      for (const ban of this.#parts.store.bans.takeEnded(now, agentLimits.ended_per_tick_max))
        this.#court.end(ban, effects);
    });
  }

  #purge(): void {
    const { bans, holders } = this.#parts.store;
    this.#desk.transact((_effects, now) => {
      bans.purge(now, this.#plan.dbpurgeage);
      holders.purge(now, agentLimits.heard_age_s);
      for (const ban of bans.takeExcess()) this.#court.end(ban, _effects);
    });
  }

  /** The link asks for it when events were lost, here or at the Worker. */
  #tellAnew(): void {
    this.#desk.transact(() => this.#court.tellAnew(this.jails().filter((jail) => jail !== edgeJail)));
  }

  #isDue(chore: string, every: Seconds, now: UnixTime): boolean {
    const due = this.#due.get(chore);
    // a clock that was set back must not stop a chore
    if (due !== undefined && due > now && due - now <= every) return false;
    this.#due.set(chore, now + every);
    return due !== undefined;
  }
}

/** As Source.name: known before the source is made, for its position is what it is made with. */
export function sourceName(plan: SourcePlan): string {
  if (plan.kind === 'file') return `file:${plan.path}`;
  return `journal:${JSON.stringify([plan.matches, plan.options])}`;
}

/** What tells which sets an action uses; a change of ports or of the kind of block leaves them as they are. */
function setsOf(plan: JailPlan): string {
  const names = [
    'name',
    'table',
    'table_family',
    'addr_set',
    'addr_set?family=inet6',
    'addr_net',
    'addr_net?family=inet6',
  ];
  return JSON.stringify(plan.actions.map(({ parameters }) => names.map((name) => parameters[name])));
}

function ownAddresses() {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return all.map(({ address }) => parsePrefix(address.replace(/%.*$/, ''))).filter((prefix) => prefix !== null);
}
