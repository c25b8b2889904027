/** The agent: jails, sources, store and the link to the edge put together; what the control socket talks to. */
import type { Guard } from '../../shared/engine/guard.ts';
import { EdgebanError } from '../../shared/errors.ts';
import type { Story } from '../../shared/story.ts';
import type { Seconds } from '../../shared/time.ts';
import { Turns } from '../../shared/turns.ts';
import type { AgentControl, JailControl, ReloadOptions } from '../control/agent-control.ts';
import { amnesty, pardonEverywhere } from './amnesty.ts';
import { Chores } from './chores.ts';
import { coreOf } from './core.ts';
import { Fleet } from './fleet.ts';
import { guardOf } from './guard.ts';
import type { Jail } from './jail.ts';
import { addedPlan } from './jail-alteration.ts';
import { JailDesk } from './jail-desk.ts';
import { LeftOut } from './left-out.ts';
import { sweepLeftovers } from './leftovers.ts';
import { Lockout } from './lockout.ts';
import type { AgentParts, AgentPlan, Core, EdgeLink } from './parts.ts';
import { edgeJail, type JailPlan } from './plan.ts';
import { Reading } from './reading.ts';
import { Recent } from './recent.ts';
import { Roster } from './roster.ts';
import { StandIn } from './stand-in.ts';
import { storyOf } from './story.ts';
import { Telling } from './telling.ts';

export class Agent implements AgentControl {
  readonly recent: Recent;
  readonly #core: Core;
  readonly #fleet: Fleet | null;
  readonly #roster: Roster;
  readonly #leftOut: LeftOut;
  readonly #reading: Reading;
  readonly #chores: Chores;
  readonly #telling: Telling;
  readonly #lockout = new Lockout();
  readonly #standIn: StandIn;
  #plan: AgentPlan;
  #link: EdgeLink | null = null;
  /** As fail2ban's server takes its commands: a reload, and what must not meet one. */
  readonly #turns = new Turns();

  constructor(parts: AgentParts, plan: AgentPlan) {
    this.#plan = plan;
    this.recent = new Recent(() => parts.now());
    const [jails, leftOut] = [new Map<string, Jail>(), new Map<string, Jail>()];
    this.#core = coreOf(parts, {
      guard: this.#guard(),
      recent: this.recent,
      jail: (name) => jails.get(name) ?? leftOut.get(name),
      wake: () => this.#link?.wake(),
    });
    this.#leftOut = new LeftOut(this.#core, leftOut);
    this.#fleet = this.#fleetOf(parts.host);
    this.#roster = new Roster(this.#core, this.#fleet, jails);
    this.#reading = new Reading(this.#core, this.#roster);
    this.#telling = new Telling(this.#core, () => this.#running());
    const settle = () => this.#sweep().then(() => this.#reading.follow());
    this.#standIn = new StandIn({ ...this.#core, roster: this.#roster, turns: this.#turns, settle });
    this.#chores = new Chores({
      ...this.#core,
      dbpurgeage: () => this.#plan.dbpurgeage,
      rescan: () => this.#reading.follow(),
      renewGuard: () => this.#core.engine.setGuard(this.#guard()),
      resolveNames: () => this.#roster.resolveNames(),
      readIgnoreFiles: () => this.#roster.readIgnoreFiles(),
      lookAtEdge: () => this.#standIn.look(this.#link),
      running: () => this.#enforcing(),
    });
  }

  /** Restores what was, makes the firewall so, and begins to read. Jails that cannot run are told and left out. */
  async start(): Promise<void> {
    const { parts, engine } = this.#core;
    await this.#roster.admit(this.#standIn.fitted(this.#plan.jails));
    await Promise.all([this.#roster.restore(this.#roster.names), this.#leftOut.hold(this.#plan.holding)]);
    this.#leftOut.take(this.#roster.fit());
    engine.loadCounters(parts.store.counters.all());
    await this.#sweep();
    for (const name of this.#roster.names) parts.log.logger('jail').info(`Jail '${name}' started`);
    await this.#reading.follow();
    if (this.#fleet !== null) {
      this.#telling.tellNewLedger();
      this.#telling.tellPlanes();
      this.#link = parts.startLink(this.#fleet, () => this.#telling.tellAnew());
    }
    this.#chores.start();
  }

  get version(): string {
    return this.#core.parts.version;
  }

  readonly origins: AgentControl['origins'] = (ids) => this.#core.parts.origins(ids);
  readonly noteAct: AgentControl['noteAct'] = (text) => this.#core.parts.log.logger('transmitter').notice(text);

  readonly jails: AgentControl['jails'] = () => this.#roster.names;

  readonly leftOut: AgentControl['leftOut'] = () => this.#leftOut.told(this.#plan.leftOut ?? [], this.jails());

  jail(name: string): JailControl | null {
    const found = this.#roster.get(name);
    if (found === undefined) return null;
    const { parts, ...judges } = this.#core;
    const jail = () => this.#roster.get(name) ?? found; // another takes its place when its actions are changed
    // a reload may have dropped it while its command waited
    const inTurn = <T>(body: () => Promise<T>) =>
      this.#turns.take(() => (this.#roster.get(name) === undefined ? Promise.reject(unknownJail(name)) : body()));
    return new JailDesk({
      ...judges,
      jail,
      store: parts.store,
      files: () => this.#reading.filesOf(name),
      change: (rules) => this.#roster.change(jail(), rules),
      spare: (ignoreip) => this.#roster.spare(jail(), ignoreip),
      alter: async (plan) => {
        this.#roster.alter(jail(), plan);
        await this.#reading.follow();
      },
      inTurn,
      alterActions: (change) =>
        inTurn(async () => {
          await this.#roster.alterActions(jail(), change(jail().plan.actions));
          await this.#sweep();
          await this.#reading.follow();
        }),
      random: () => parts.random(),
    });
  }

  explain(id: string): Promise<Story> {
    const [jails, leftOut] = [this.#running(), this.#leftOut.jails];
    const compile = (plan: JailPlan) => this.#roster.compile(plan);
    return storyOf({ ...this.#core, jails, leftOut, compile, link: this.#link }, id);
  }

  readonly unban: AgentControl['unban'] = (ids) => pardonEverywhere(this.#core, this.jails(), ids);

  /** Those of jails that do not run are lifted, too: what they left in the firewall is swept out. */
  unbanAll(): Promise<number> {
    return this.#turns.take(() => this.#unbanAll());
  }

  async #unbanAll(): Promise<number> {
    const others = this.#core.parts.store.bans.jails().filter((jail) => this.#roster.get(jail) === undefined);
    const lifted = await amnesty(this.#core, [...this.jails(), ...others]);
    if (others.length > 0) await this.#sweep(others);
    return lifted;
  }

  /** One after the other. A configuration with an error in it changes nothing (as with fail2ban) and is thrown. */
  reload(options: ReloadOptions): Promise<void> {
    return this.#turns.take(() => this.#reload(options));
  }

  /** Bans stay in the firewall, with their time-outs, unless they are to be lifted. */
  async stop(options: { readonly unban: boolean }): Promise<void> {
    this.#chores.stop();
    await this.#turns.ended();
    await this.#reading.close();
    this.#core.desk.save(true);
    this.#core.parts.shell.close();
    if (options.unban) await this.unbanAll();
    await this.#link?.close();
    await Promise.all([this.#roster, this.#leftOut].map((jails) => jails.close({ flush: options.unban })));
    this.#core.parts.log.logger('server').info('Exiting edgeban');
  }

  flushLogs(): 'rolled over' | 'flushed' {
    return this.#core.parts.log.reopen();
  }

  get logLevel(): string {
    return this.#core.parts.log.level;
  }

  setLogLevel(level: string): string {
    const { log } = this.#core.parts;
    log.setLevel(level);
    return log.level;
  }

  get logTarget(): string {
    return this.#core.parts.log.target;
  }

  setLogTarget(target: string): void {
    this.#core.parts.log.setTarget(target);
  }

  get syslogSocket(): string {
    return this.#core.parts.log.syslogSocket;
  }

  setSyslogSocket(path: string): void {
    this.#core.parts.log.setSyslogSocket(path);
  }

  get dbFile(): string | null {
    return this.#core.parts.dbFile;
  }

  get dbMaxMatches(): number {
    return this.#core.parts.store.bans.dbmaxmatches;
  }

  set dbMaxMatches(matches: number) {
    this.#core.parts.store.bans.dbmaxmatches = matches;
  }

  get dbPurgeAge(): Seconds {
    return this.#plan.dbpurgeage;
  }

  set dbPurgeAge(dbpurgeage: Seconds) {
    this.#plan = { ...this.#plan, dbpurgeage };
  }

  addJail(name: string, backend: string): void {
    if (this.#enforcing().some((jail) => jail.name === name))
      throw new EdgebanError('ERR_JAIL_EXISTS', `The jail '${name}' already exists`);
    this.#roster.create(addedPlan(name, backend), { idle: true });
    this.#core.parts.log.logger('jail').info(`Creating new jail '${name}'`);
  }

  async startJail(name: string): Promise<void> {
    const jail = this.#roster.get(name);
    if (jail === undefined) throw unknownJail(name);
    jail.idle = false;
    await this.#reading.follow();
    this.#core.parts.log.logger('jail').info(`Jail '${name}' started`);
  }

  async stopJail(name: string): Promise<void> {
    if (this.#roster.get(name) === undefined) throw unknownJail(name);
    if (name === edgeJail && this.#fleet !== null) {
      const remedy = 'stop the server, or revoke the host at its Worker';
      throw new EdgebanError('ERR_CONFIG_JAIL', `the jail ${edgeJail} holds the bans of other hosts`, { remedy });
    }
    await this.#turns.take(async () => {
      await this.#roster.exchange([], [name], false);
      await this.#reading.follow();
    });
    this.#core.parts.log.logger('jail').info(`Jail '${name}' stopped`);
  }

  readonly edge: AgentControl['edge'] = () => this.#link?.report() ?? null;

  #guard(): Guard {
    return guardOf(this.#plan.guard, this.#lockout);
  }

  #fleetOf(host: string | null): Fleet | null {
    if (host === null) return null;
    const { parts, engine, court, desk } = this.#core;
    return new Fleet({ store: parts.store, engine, court, desk, log: parts.log.logger('edge'), host });
  }

  async #reload({ jail, restart, unban, ifExists }: ReloadOptions): Promise<void> {
    const plan = await this.#core.parts.plan();
    const known = jail === null || plan.jails.some(({ name }) => name === jail) || this.jails().includes(jail);
    if (!known && ifExists) return;
    if (!known) throw unknownJail(jail);
    const isMeant = (name: string) => jail === null || name === jail;
    const names = this.jails().filter(isMeant);
    const held = this.#leftOut.jails.map((each) => each.name).filter(isMeant);
    if (unban) await amnesty(this.#core, [...names, ...held]);
    this.#plan = plan;
    this.#core.engine.setGuard(this.#guard());
    await this.#roster.exchange(this.#standIn.fitted(plan.jails.filter(({ name }) => isMeant(name))), names, restart);
    const isStuck = (name: string) =>
      this.#roster.get(name) === undefined && plan.jails.some((each) => each.name === name);
    await this.#leftOut.release(
      held.filter((name) => !isStuck(name)),
      (name) => this.#roster.get(name),
    );
    this.#telling.tellPlanes();
    await this.#sweep();
    await this.#reading.follow();
  }

  /** `pardoned`: jails that go on protecting, though they do not run, unless nobody is banned there any more. */
  #sweep(pardoned: readonly string[] = []): Promise<void> {
    return sweepLeftovers(this.#core.parts, this.#running(), this.#leftOut.jails, this.#plan, pardoned);
  }

  /** Those whose bans this host enforces. */
  #enforcing(): Jail[] {
    return [...this.#running(), ...this.#leftOut.jails];
  }

  #running(): Jail[] {
    return this.jails().flatMap((name) => this.#roster.get(name) ?? []);
  }
}

function unknownJail(name: string): EdgebanError {
  return new EdgebanError('ERR_JAIL_UNKNOWN', `Sorry but the jail '${name}' does not exist`);
}
