/** The ledger: the one Durable Object that knows every ban, orders all changes, and drives KV, Cloudflare and the feed. */
import { DurableObject } from 'cloudflare:workers';
import { formatPrefix, type Prefix, parsePrefix } from '../shared/address.ts';
import { EdgebanError } from '../shared/errors.ts';
import { Holders } from '../shared/store/holders.ts';
import type { Sql } from '../shared/store/sql.ts';
import type { UnixTime } from '../shared/time.ts';
import type { EnrollReply, EnrollRequest, EventReceipt, FeedPage } from '../shared/wire.ts';
import { checkClock, checkSignature, randomText, readSigned, type SignedRequest, sha256 } from './auth.ts';
import type { Enforcement } from './cloudflare/enforcement.ts';
import { nextWork, type WorkParts, work } from './ledger/alarm.ts';
import { addOperatorBan, liftAll, liftHost, listBans, viewBan } from './ledger/bans.ts';
import { Buckets } from './ledger/buckets.ts';
import { readBatch, takeEvents } from './ledger/events.ts';
import { greet, hangUp, isBehind, listen, pageAfter, push, readPlace } from './ledger/feed.ts';
import {
  addEnrollToken,
  enrolledHost,
  enrollHost,
  type Host,
  noteSeen,
  revokeHost,
  spendNonce,
} from './ledger/hosts.ts';
import { ledgerLimits } from './ledger/limits.ts';
import { Roll } from './ledger/roll.ts';
import { prepareTables } from './ledger/schema.ts';
import { noteChange, readState } from './ledger/state.ts';
import { viewHosts, viewStatus } from './ledger/status.ts';
import { makeWorld, type World } from './ledger/world.ts';
import { type Answer, answer, log, problemOf, problemResponse, RequestRefusal } from './problem.ts';
import type { Env } from './settings.ts';
import type { BansPage, BanView, HostView, Lifted, OpenToken, OperatorBan, StatusView } from './shapes.ts';
import { durableSql } from './sqlite.ts';

/** The one object's name: one ledger, one writer at Cloudflare. */
export const ledgerName = 'main';

/** All methods that the routes call return an Answer; nothing is kept in memory that may not be lost. */
export class Ledger extends DurableObject<Env> {
  readonly #sql: Sql;
  readonly #holders: Holders;
  readonly #roll: Roll;
  readonly #id: string;
  readonly #eventRates = new Buckets(ledgerLimits.events_burst, ledgerLimits.events_per_minute_max);
  readonly #requestRates = new Buckets(ledgerLimits.requests_burst, ledgerLimits.requests_per_minute_max);
  #world: World | null = null;
  /** When the alarm is set to ring, in milliseconds; null while it rings. */
  #alarmAt: number | null = null;
  /** Are there listeners that could not be told everything at once? */
  #behind: boolean;

  constructor(ctx: DurableObjectState, env: Env) {
    super(ctx, env);
    this.#sql = durableSql(ctx.storage);
    prepareTables(this.#sql, crypto.randomUUID(), now());
    this.#holders = new Holders(this.#sql);
    this.#roll = new Roll(this.#sql);
    this.#id = readState(this.#sql).id;
    this.#behind = isBehind(this.#feedParts(), ctx.getWebSockets());
    ctx.setWebSocketAutoResponse(new WebSocketRequestResponsePair('ping', 'pong'));
    void ctx.blockConcurrencyWhile(async () => {
      this.#alarmAt = await ctx.storage.getAlarm();
      await this.#wake();
    });
  }

  /** `id` and `ledger` of a new host; the public key is all that is kept. */
  enroll(request: EnrollRequest): Promise<Answer<EnrollReply>> {
    return answer(async () => {
      const hash = await sha256(request.token);
      const id = this.#sql.transaction(() => enrollHost(this.#sql, request, hash, crypto.randomUUID(), now()));
      log('enrolled', { host: id, name: request.name });
      return { host: id, ledger: this.#id };
    });
  }

  openEnrollToken(): Promise<Answer<OpenToken>> {
    return answer(async () => {
      const token = randomText(24);
      const hash = await sha256(token);
      return { token, expires_at: addEnrollToken(this.#sql, hash, now()) };
    });
  }

  /** `body`: the JSON of an EventBatch, whose hash is in `request`. */
  events(request: SignedRequest, body: string): Promise<Answer<EventReceipt>> {
    return answer(async () => {
      const host = await this.#admit(request);
      const parts = { sql: this.#sql, holders: this.#holders, guard: this.#worldNow().guard, roll: this.#roll };
      const allow = (count: number) => this.#allowEvents(host, count);
      const { receipt, changed } = takeEvents(parts, host.id, readBatch(body), allow, now());
      if (receipt.refused.length > 0) log('events-refused', { host: host.id, events: receipt.refused.length });
      if (changed) await this.#changed();
      return receipt;
    });
  }

  feed(request: SignedRequest): Promise<Answer<FeedPage>> {
    return answer(async () => {
      await this.#admit(request);
      const query = new URL(request.path, 'https://ledger').searchParams;
      return pageAfter(this.#feedParts(), readPlace(query, this.#id));
    });
  }

  /** The live feed: a signed GET with `Upgrade: websocket`. */
  override async fetch(request: Request): Promise<Response> {
    try {
      const host = await this.#admit(readSigned(request, await sha256('')));
      const { 0: client, 1: server } = new WebSocketPair();
      listen(this.ctx, server, host.id, readPlace(new URL(request.url).searchParams, this.#id));
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

  bans(after: string, limit: number): Promise<Answer<BansPage>> {
    return answer(() => listBans(this.#bansParts(), after, limit, now()));
  }

  ban(address: string): Promise<Answer<BanView>> {
    return answer(() => viewBan(this.#bansParts(), readAddress(address), now()));
  }

  addBan({ address, bantime }: OperatorBan): Promise<Answer<BanView>> {
    return answer(async () => {
      const prefix = readAddress(address);
      const { guard } = this.#worldNow();
      const time = now();
      const changed = this.#change(() => addOperatorBan(this.#bansParts(), guard, prefix, bantime, time));
      log('operator-ban', { address: formatPrefix(prefix), changed });
      if (changed) await this.#changed();
      return viewBan(this.#bansParts(), prefix, time);
    });
  }

  liftBan(address: string): Promise<Answer<Lifted>> {
    return answer(async () => {
      const prefix = readAddress(address);
      const lifted = this.#change(() => liftAll(this.#bansParts(), prefix, now()));
      log('operator-lift', { address: formatPrefix(prefix), holders: lifted });
      if (lifted > 0) await this.#changed();
      return { address: formatPrefix(prefix), lifted };
    });
  }

  hosts(): Promise<Answer<{ hosts: HostView[] }>> {
    return answer(() => ({
      hosts: viewHosts(this.#statusParts(), (id) => this.ctx.getWebSockets(id).length > 0, now()),
    }));
  }

  /**
   * Refuses the host's key from now on, closes its feed, and lifts all that it holds: its key may be in the wrong hands,
   * so its word counts no more. An address that another host or the operator holds as well stays banned.
   */
  revoke(id: string): Promise<Answer<{ host: string; lifted: number }>> {
    return answer(async () => {
      const time = now();
      const lifted = this.#change(() => {
        revokeHost(this.#sql, id, time);
        return liftHost(this.#bansParts(), id, time);
      });
      hangUp(this.ctx, id);
      this.#eventRates.drop(id);
      this.#requestRates.drop(id);
      log('revoked', { host: id, lifted });
      if (lifted > 0) await this.#changed();
      return { host: id, lifted };
    });
  }

  status(): Promise<Answer<StatusView>> {
    return answer(() => {
      const { enforcement } = this.#worldNow();
      return viewStatus(this.#statusParts(), enforcement, this.ctx.getWebSockets().length, now());
    });
  }

  /** Never throws and always sets the next alarm: after six failures Cloudflare would ring no more. */
  override async alarm(): Promise<void> {
    this.#alarmAt = null;
    try {
      this.#pushAll();
      await work(this.#workParts());
    } catch (error) {
      problemOf(error);
    }
    await this.#wake();
  }

  /** The host that has signed `request`, once. Throws ERR_AUTH_…, ERR_CAP_EVENTS. */
  async #admit(request: SignedRequest): Promise<Host> {
    const { key } = enrolledHost(this.#sql, request.host);
    checkClock(request.time, now());
    await checkSignature(request, key);
    const host = enrolledHost(this.#sql, request.host); // again: it may have been revoked meanwhile
    if (this.#requestRates.take(host.id, 1, now()) === 0)
      throw tooFast('requests', this.#requestRates.waitFor(host.id, 1));
    spendNonce(this.#sql, request);
    noteSeen(this.#sql, host, now());
    return host;
  }

  #allowEvents(host: Host, count: number): number {
    const allowed = this.#eventRates.take(host.id, count, now());
    if (allowed === 0) throw tooFast('events', this.#eventRates.waitFor(host.id, count));
    return allowed;
  }

  /** A change of who is banned and the note that KV and Cloudflare must follow, in one transaction. */
  #change<T extends number | boolean>(body: () => T): T {
    return this.#sql.transaction(() => {
      const changed = body();
      if (changed !== false && changed !== 0) noteChange(this.#sql);
      return changed;
    });
  }

  /** After a change: the alarm is set in the same turn, so that it is stored with the change or not at all. */
  async #changed(): Promise<void> {
    const waking = this.#wake();
    this.#pushAll();
    await waking;
  }

  #pushAll(): void {
    this.#behind = push(this.#feedParts(), this.ctx.getWebSockets());
  }

  async #wake(): Promise<void> {
    const due = this.#behind ? 0 : nextWork({ ...this.#bansParts(), enforcement: this.#enforcement() });
    const at = Math.max(Math.ceil(due * 1000), Date.now());
    if (this.#alarmAt !== null && this.#alarmAt <= at) return;
    this.#alarmAt = at;
    await this.ctx.storage.setAlarm(at);
  }

  /** Throws ERR_SETTINGS. */
  #worldNow(): World {
    this.#world ??= makeWorld(this.env, this.#sql);
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
    const { env } = this;
    const guard = () => this.#worldNow().guard;
    return { ...this.#bansParts(), roll: this.#roll, kv: env.BANS, enforcement: this.#enforcement(), guard, now };
  }

  #bansParts(): { sql: Sql; holders: Holders } {
    return { sql: this.#sql, holders: this.#holders };
  }

  #statusParts(): { sql: Sql; roll: Roll } {
    this.#roll.follow(now());
    return { sql: this.#sql, roll: this.#roll };
  }

  #feedParts(): { sql: Sql; holders: Holders; ledger: string } {
    return { ...this.#bansParts(), ledger: this.#id };
  }
}

function now(): UnixTime {
  return Date.now() / 1000;
}

function readAddress(text: string): Prefix {
  const prefix = parsePrefix(text);
  if (prefix === null) throw new EdgebanError('ERR_ADDRESS_INVALID', 'not an IP address or network');
  return prefix;
}

function tooFast(what: string, seconds: number): RequestRefusal {
  return new RequestRefusal('ERR_CAP_EVENTS', `the host sends more ${what} than it may`, { retry_after: seconds });
}
