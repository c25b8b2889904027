/** The ledger: the one Durable Object that knows every ban, orders all changes, and drives KV, Cloudflare and the feed. */
import { DurableObject } from 'cloudflare:workers';
import type { AlertsPage } from '../shared/alerts.ts';
import { Holders } from '../shared/store/holders.ts';
import type { Sql } from '../shared/store/sql.ts';
import type { UnixTime } from '../shared/time.ts';
import type { EdgeAbility, EnrollReply, EnrollRequest, EventReceipt, FeedPage, RotateReply } from '../shared/wire.ts';
import { Alerts } from './alerts/alerts.ts';
import { readSigned, type SignedRequest, sha256 } from './auth.ts';
import type { Enforcement } from './cloudflare/enforcement.ts';
import { abilityOf } from './ledger/ability.ts';
import { listActs, type Person } from './ledger/acts.ts';
import { readAddress } from './ledger/address.ts';
import { nextWork, type WorkParts, work } from './ledger/alarm.ts';
import { AlarmClock } from './ledger/alarm-clock.ts';
import { viewAllowed } from './ledger/allow-list.ts';
import { listBans, viewBan } from './ledger/bans.ts';
import { Dashboard, type Question } from './ledger/dashboard.ts';
import { Desk } from './ledger/desk.ts';
import { Door } from './ledger/door.ts';
import { Emergency, type Switch } from './ledger/emergency.ts';
import { enrol, rotate } from './ledger/enrolment.ts';
import { bansIn, type EventsParts, readBatch, type Teller, takeEvents } from './ledger/events.ts';
import { greet, hangUp, isBehind, listen, pageAfter, push } from './ledger/feed.ts';
import { Roll } from './ledger/roll.ts';
import { prepareTables } from './ledger/schema.ts';
import { readState } from './ledger/state.ts';
import { Upkeep } from './ledger/upkeep.ts';
import { makeWorld, type World } from './ledger/world.ts';
import { type Answer, answer, problemOf, problemResponse } from './problem.ts';
import { type Env, rowsPerDayOf } from './settings.ts';
import type * as shapes from './shapes.ts';
import { durableSql } from './sqlite.ts';

/** The one object's name: one ledger, one writer at Cloudflare. */
export const ledgerName = 'main';

/** All methods that the routes call return an Answer; nothing is kept in memory that may not be lost. */
export class Ledger extends DurableObject<Env> {
  readonly #sql: Sql;
  readonly #holders: Holders;
  readonly #roll: Roll;
  readonly #id: string;
  readonly #door: Door;
  readonly #upkeep: Upkeep;
  readonly #desk: Desk;
  readonly #emergency: Emergency;
  readonly #dashboard: Dashboard;
  readonly #alerts: Alerts;
  #world: World | null = null;
  readonly #clock: AlarmClock;
  /** Are there listeners that could not be told everything at once? */
  #behind: boolean;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#sql = durableSql(ctx.storage);
    this.#clock = new AlarmClock(ctx.storage);
    prepareTables(this.#sql, crypto.randomUUID(), now());
    this.#holders = new Holders(this.#sql);
    this.#roll = new Roll(this.#sql);
    // without settings there is no guard that could be renewed
    this.#door = new Door(this.#sql, () => this.#world?.renewGuard(), rowsPerDayOf(env), now);
    this.#upkeep = new Upkeep(this.#sql, () => this.#enforcement());
    this.#id = readState(this.#sql).id;
    const world = () => this.#worldNow();
    const parts = { ...this.#bansParts(), roll: this.#roll, world, changed: () => this.#changed(), now };
    this.#desk = new Desk(parts);
    this.#emergency = new Emergency({ ...parts, enforcement: () => this.#enforcement() });
    this.#dashboard = new Dashboard({ ...parts, state: ctx, lagOf: (host) => this.#door.lagOf(host) });
    this.#alerts = new Alerts({ ...parts, env, views: this.#dashboard, enforcement: () => this.#enforcement() });
    this.#behind = isBehind(this.#feedParts(), ctx.getWebSockets());
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair('ping', 'pong'));
    void ctx.blockConcurrencyWhile(async () => {
      await this.#clock.load();
      await this.#wake();
    });
  }

  /** `id` and `ledger` of a new host; the public key is all that is kept. */
  enroll(request: EnrollRequest, place: string | null): Promise<Answer<EnrollReply>> {
    return answer(async () => {
      const host = await this.#door.enrolment(place, () => enrol(this.#sql, request, place, now()));
      return { host, ledger: this.#id };
    });
  }

  openEnrollToken(person: Person): Promise<Answer<shapes.OpenToken>> {
    return this.#acted(() => this.#desk.openEnrollToken(person));
  }

  /** `body`: the JSON of an EventBatch, whose hash is in `request`. */
  events(request: SignedRequest, body: string): Promise<Answer<EventReceipt>> {
    return answer(async () => {
      const teller = await this.#door.admitTeller(request, () => bansIn(readBatch(body)));
      const allow = (count: number) => this.#door.take('events', request.host, count);
      const taken = takeEvents(this.#eventsParts(), teller, readBatch(body), allow, now());
      this.#upkeep.note(teller.host, taken, now());
      this.#door.noteLag(request.host, taken.newest);
      if (taken.changed) await this.#changed();
      return taken.receipt;
    });
  }

  feed(request: SignedRequest): Promise<Answer<FeedPage>> {
    const parts = this.#feedParts();
    return this.#told(request, (host) => pageAfter(parts, this.#door.catchUp(host, parts, request.path, 'page')));
  }

  /** For a host that passes them on to people. */
  alerts(request: SignedRequest): Promise<Answer<AlertsPage>> {
    return this.#told(request, () => this.#alerts.page(request.path));
  }

  /** The live feed: a signed GET with `Upgrade: websocket`. */
  override async fetch(request: Request): Promise<Response> {
    try {
      if (new URL(request.url).pathname !== '/v1/feed') return this.#dashboard.open(request);
      const host = await this.#door.admit(readSigned(request, await sha256('')));
      const { 0: client, 1: server } = new WebSocketPair();
      listen(this.ctx, server, host.id, this.#door.catchUp(host, this.#feedParts(), request.url, 'live'));
      if (greet(this.#feedParts(), server)) this.#behind = true;
      await this.#wake();
      return new Response(null, { status: 101, webSocket: client });
    } catch (error) {
      return problemResponse(problemOf(error));
    }
  }

  override webSocketMessage(socket: WebSocket): void {
    socket.close(1008, 'the feed takes no messages');
  }

  override webSocketClose(socket: WebSocket): void {
    socket.close();
  }

  bans(after: string, limit: number): Promise<Answer<shapes.BansPage>> {
    return answer(() => listBans(this.#bansParts(), after, limit, now()));
  }

  /** `asked`: by a host. */
  ban(address: string, asked?: SignedRequest): Promise<Answer<shapes.BanView>> {
    return answer(async () => {
      if (asked !== undefined) await this.#door.admit(asked);
      return viewBan(this.#bansParts(), readAddress(address), now());
    });
  }

  addBan(ban: shapes.OperatorBan, person: Person): Promise<Answer<shapes.BanView>> {
    return this.#acted(() => this.#desk.addBan(ban, person));
  }

  liftBan(address: string, person: Person): Promise<Answer<shapes.Lifted>> {
    return this.#acted(() => this.#desk.liftBan(address, person));
  }

  allowed(): Promise<Answer<{ allowed: shapes.AllowedView[] }>> {
    return answer(() => ({ allowed: viewAllowed(this.#sql, this.#worldNow().settings.allow) }));
  }

  allow(request: shapes.AllowRequest, person: Person): Promise<Answer<shapes.Allowed>> {
    return this.#acted(() => this.#desk.allow(request, person));
  }

  disallow(address: string, person: Person): Promise<Answer<{ address: string }>> {
    return this.#acted(() => this.#desk.disallow(address, person));
  }

  /** `what` is to hold for all bans at once. */
  switch(what: Switch, person: Person, reason: string): Promise<Answer<shapes.Switched>> {
    return this.#acted(() => this.#emergency.to(what, person, reason));
  }

  acts(after: number, limit: number): Promise<Answer<shapes.ActsPage>> {
    return answer(() => listActs(this.#sql, after, limit));
  }

  hosts(): Promise<Answer<{ hosts: shapes.HostView[] }>> {
    return answer(() => ({ hosts: this.#dashboard.hosts() }));
  }

  /** What a dashboard asks, in the shapes of shared/view.ts. */
  view(question: Question): Promise<Answer<unknown>> {
    return answer(() => this.#dashboard.answer(question));
  }

  revoke(id: string, person: Person): Promise<Answer<{ host: string; lifted: number }>> {
    return answer(async () => {
      const revoked = await this.#desk.revoke(id, person);
      hangUp(this.ctx, id, 'revoked');
      this.#door.drop(id);
      return revoked;
    });
  }

  /** `body`: the JSON of a RotateRequest, whose hash is in `request`. */
  rotate(request: SignedRequest, body: string): Promise<Answer<RotateReply>> {
    return answer(async () => {
      const teller = await this.#door.admitTeller(request, () => 0);
      this.#door.take('new keys', request.host, 1);
      const { key, fresh } = rotate(this.#sql, teller, body, request.place, now());
      if (fresh) hangUp(this.ctx, request.host, 'rotated');
      return { host: request.host, key };
    });
  }

  status(): Promise<Answer<shapes.StatusView>> {
    return answer(() => this.#dashboard.status());
  }

  ability(request: SignedRequest): Promise<Answer<EdgeAbility>> {
    return this.#told(request, () => abilityOf(this.#dashboard.status(), now()));
  }

  /** Never throws and always sets the next alarm: after six failures Cloudflare would ring no more. */
  override async alarm(): Promise<void> {
    this.#clock.rings();
    try {
      this.#pushAll();
      this.#upkeep.save();
      await work(this.#workParts());
    } catch (error) {
      problemOf(error);
    }
    await this.#wake();
  }

  /** An act by hand, which open dashboards hear of. */
  #acted<T>(body: () => T | Promise<T>): Promise<Answer<T>> {
    return answer(async () => {
      const outcome = await body();
      this.#dashboard.tell();
      return outcome;
    });
  }

  /** To a host that only looks. */
  #told<T>(request: SignedRequest, body: (host: Teller['host']) => T): Promise<Answer<T>> {
    return answer(() => this.#door.admit(request).then(body));
  }

  /** After a change: the alarm is set in the same turn, so that it is stored with the change or not at all. */
  async #changed(): Promise<void> {
    const waking = this.#wake();
    this.#pushAll();
    await waking;
  }

  #pushAll(): void {
    this.#behind = push(this.#feedParts(), this.ctx.getWebSockets());
    this.#dashboard.tell();
  }

  async #wake(): Promise<void> {
    const due = this.#behind ? 0 : nextWork({ ...this.#bansParts(), ...this.#duties() });
    await this.#clock.wakeAt(due);
  }

  /** Throws ERR_SETTINGS. */
  #worldNow(): World {
    this.#world ??= makeWorld(this.env, { ...this.#bansParts(), roll: this.#roll }, () => void this.#changed());
    return this.#world;
  }

  /** Null also while the settings are wrong: the ledger goes on without Cloudflare. */
  #enforcement(): Enforcement | null {
    try {
      return this.#worldNow().enforcement;
    } catch {
      return null;
    }
  }

  #workParts(): WorkParts {
    const parts = { ...this.#bansParts(), roll: this.#roll, kv: this.env.BANS, now };
    return { ...parts, ...this.#duties(), guard: () => this.#worldNow().guard };
  }

  #duties(): Pick<WorkParts, 'enforcement' | 'chores' | 'watch'> {
    const chores = [...this.#upkeep.chores(this.#world), this.#dashboard.tally];
    return { enforcement: this.#enforcement(), chores, watch: this.#alerts.watch };
  }

  #eventsParts(): EventsParts {
    return { ...this.#bansParts(), roll: this.#roll, ...this.#upkeep.policy(this.#worldNow()) };
  }

  #bansParts(): { sql: Sql; holders: Holders } {
    return { sql: this.#sql, holders: this.#holders };
  }

  #feedParts(): { sql: Sql; holders: Holders; ledger: string } {
    return { ...this.#bansParts(), ledger: this.#id };
  }
}

const now = (): UnixTime => Date.now() / 1000;
