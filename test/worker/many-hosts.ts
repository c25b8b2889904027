/** The ledger's rooms in a Durable Object of their own, on a clock that jumps: what the life of many hosts costs (test/bench/fleet.ts). */
import { Guard } from '../../shared/engine/guard.ts';
import { Holders } from '../../shared/store/holders.ts';
import type { Sql } from '../../shared/store/sql.ts';
import { Book } from '../../worker/alerts/book.ts';
import { Watch } from '../../worker/alerts/watch.ts';
import { createEnforcement, type Enforcement, type Fetch } from '../../worker/cloudflare/enforcement.ts';
import { nextWork, work } from '../../worker/ledger/alarm.ts';
import { kvWrites } from '../../worker/ledger/enforcement-view.ts';
import { type Teller, takeEvents } from '../../worker/ledger/events.ts';
import { pageAfter } from '../../worker/ledger/feed.ts';
import { noteAddress } from '../../worker/ledger/host-addresses.ts';
import { enrolledHost, seenBy } from '../../worker/ledger/hosts.ts';
import { Roll } from '../../worker/ledger/roll.ts';
import { prepareTables } from '../../worker/ledger/schema.ts';
import { stanceOf } from '../../worker/ledger/standing.ts';
import { readState } from '../../worker/ledger/state.ts';
import { viewStatus } from '../../worker/ledger/status.ts';
import { Tally } from '../../worker/ledger/tally.ts';
import { Upkeep } from '../../worker/ledger/upkeep.ts';
import { randomOf } from '../random.ts';
import { counted } from './counted.ts';

export interface Plan {
  readonly hosts: number;
  readonly bans_a_day: number;
  readonly bantime_s: number;
  /** How long it is counted, after a quarter of that which is not. */
  readonly seconds: number;
  /** The fake API, and where it is told the time. */
  readonly api: string;
  readonly clock: string;
  readonly account: string;
  readonly zones: readonly string[];
  readonly token: string;
}

export interface Costs {
  requests: number;
  refused: number;
  alarms: number;
  rows_written: number;
  rows_read: number;
  kv_writes: number;
  kv_reads: number;
  kv_bytes: number;
  api_calls: number;
  /** To listeners: not billed. */
  messages: number;
}

const nothing: Costs = {
  ...{ requests: 0, refused: 0, alarms: 0, rows_written: 0, rows_read: 0 },
  ...{ kv_writes: 0, kv_reads: 0, kv_bytes: 0, api_calls: 0, messages: 0 },
};

class Life {
  readonly costs: Costs = { ...nothing };
  readonly #plan: Plan;
  readonly #sql: Sql;
  readonly #rows: ReturnType<typeof counted>['rows'];
  readonly #written: Map<string, number>;
  readonly #roll: Roll;
  readonly #holders: Holders;
  readonly #guard = new Guard();
  readonly #random = randomOf(1);
  readonly #streams = new Map<string, { readonly id: string; next: number }>();
  readonly #upkeep: Upkeep;
  readonly #tally: Tally;
  readonly #watch: Watch;
  #enforcement: Enforcement;
  /** The cursor when the counting began. */
  #begun = 0;
  #snapshot: ArrayBuffer | null = null;
  #now = 1_800_000_000;
  #alarmAt: number | null = null;
  #banned = 0;

  constructor(storage: DurableObjectStorage, plan: Plan) {
    const { sql, rows, written } = counted(storage);
    this.#written = written;
    this.#plan = plan;
    this.#sql = sql;
    this.#rows = rows;
    prepareTables(sql, crypto.randomUUID(), this.#now);
    this.#populate();
    this.#holders = new Holders(sql);
    this.#roll = new Roll(sql);
    this.#enforcement = this.#enforce();
    this.#upkeep = new Upkeep(sql, () => this.#enforcement);
    this.#tally = new Tally(sql, this.#holders);
    this.#watch = new Watch({
      book: new Book(sql, () => 'ledger'),
      settings: () => ({ webhook: null, ntfy: null }),
      signs: (now) => ({ ...this.#signs(now), trouble: '', hosts: [] }),
      stance: () => stanceOf(sql),
      isNeeded: () => true,
      isWaiting: () => this.#enforcement.waitsUntil() !== null,
      fetch,
    });
  }

  #signs(now: number) {
    const roll = { sql: this.#sql, roll: this.#roll };
    const status = viewStatus(roll, { enforcement: this.#enforcement, gate: null }, 0, now);
    return { status, writes: kvWrites(this.#sql, now) };
  }

  /** What the rows of the bans that were counted cost when they are forgotten, a week later. */
  purge(): void {
    this.#sql.all('DELETE FROM holders WHERE cursor <= ?', this.#begun);
    this.#sql.all('UPDATE holders SET ended = 1, until = 0');
    this.#rows();
    this.#holders.purge(this.#now, 0);
    this.costs.rows_written += this.#rows().written;
  }

  /** All is in force at the beginning; what is at hand for a burst is used up, as after a busy day. */
  async begin(): Promise<void> {
    for (let quiet = 0; quiet < 3; quiet = this.#isCurrent() ? quiet + 1 : 0) {
      this.#now = Math.max(this.#now + 0.3, nextWork(this.#parts));
      await this.#ring();
    }
    this.#sql.all("UPDATE cf_state SET state = json_set(state, '$.budgets.operations.left', 0)");
    this.#sql.all('UPDATE ledger SET write_tokens = 0');
    this.#enforcement = this.#enforce();
    await this.live(this.#plan.seconds / 4);
    Object.assign(this.costs, nothing);
    this.#begun = this.#holders.last();
    this.#written.clear();
  }

  async live(seconds: number): Promise<void> {
    const end = this.#now + seconds;
    const pause = () => (-Math.log(1 - this.#random()) * 86_400) / this.#plan.bans_a_day;
    for (let next = this.#now + pause(); this.#now < end; ) {
      const due = this.#alarmAt ?? Number.POSITIVE_INFINITY;
      this.#now = Math.max(this.#now, Math.min(due, next));
      if (due < next) await this.#ring();
      else {
        this.#tell();
        next = this.#now + pause();
      }
      const { read, written } = this.#rows();
      this.costs.rows_read += read;
      this.costs.rows_written += written;
    }
  }

  /** Rows written by each statement, the most first. */
  get statements(): (readonly [string, number])[] {
    return [...this.#written].toSorted(([, a], [, b]) => b - a);
  }

  get standing() {
    const { missing, leftOut } = this.#enforcement.status(this.#now);
    const [size] = this.#sql.all('SELECT (SELECT COUNT(*) FROM holders) AS n');
    return { bans: this.#roll.bans, rows: Number(size?.['n']), missing, leftOut: leftOut.count };
  }

  #isCurrent(): boolean {
    const { revision, snapshotRevision } = readState(this.#sql);
    return revision === snapshotRevision && this.#enforcement.status(this.#now).inStep;
  }

  /** Hosts, and the bans that they hold by now: their ends are spread over the time that a ban lasts. */
  #populate(): void {
    const { hosts, bans_a_day, bantime_s } = this.#plan;
    const n = 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)';
    this.#sql.all(
      `${n} INSERT INTO hosts (id, name, key, enrolled_at, seen_at, ban_tokens, ban_tokens_at)
         SELECT 'h' || i, 'h' || i, 'k' || i, 0, 0, 2000, ? FROM n`,
      ...[hosts, this.#now],
    );
    this.#sql.all(
      `${n} INSERT INTO holders SELECT '20.' || (i / 65536) || '.' || (i / 256 % 256) || '.' || (i % 256),
         'h' || (1 + i % ?), 'sshd', ?, ? + (i * ?) / ?, 0, NULL, 0, i, 0, 'block', 1, 1 FROM n`,
      ...[(bans_a_day * bantime_s) / 86_400, hosts, this.#now, this.#now, bantime_s, (bans_a_day * bantime_s) / 86_400],
    );
    this.#sql.all(
      `${n} INSERT INTO host_addresses SELECT 'h' || i, '70.0.' || (i / 256) || '.' || (i % 256), ? FROM n`,
      ...[hosts, this.#now],
    );
    this.#sql.all('UPDATE ledger SET recovered_at = 0');
  }

  /** One ban of one host, as its pusher sends it: a request, an answer, a page for all others. */
  #tell(): void {
    const { hosts, bantime_s } = this.#plan;
    const id = `h${1 + Math.floor(this.#random() * hosts)}`;
    const stream = this.#streams.get(id) ?? { id: crypto.randomUUID(), next: 1 };
    this.#streams.set(id, stream);
    const teller = this.#admit(id);
    this.#banned += 1;
    const address = `60.${(this.#banned >> 16) & 255}.${(this.#banned >> 8) & 255}.${this.#banned & 255}`;
    const until = this.#now + bantime_s;
    const event = { kind: 'ban', jail: 'sshd', address, at: this.#now, until, failures: 5, count: 1 };
    const parts = { ...this.#parts, guard: this.#guard, longest: null, soften: false, fleet: null };
    const before = this.#holders.last();
    const batch = { stream: stream.id, first: stream.next, events: [event] };
    const taken = takeEvents(parts, teller, batch, (count) => count, this.#now);
    this.#upkeep.note(teller.host, taken, this.#now);
    stream.next += 1;
    this.costs.requests += 1;
    this.costs.refused += taken.receipt.refused.length;
    const page = pageAfter(
      { sql: this.#sql, holders: this.#holders, ledger: id },
      { cursor: before, resetting: false },
    );
    this.costs.messages += page.changes.length * (hosts - 1);
    this.#wake();
  }

  /** What the door writes down of a request (worker/ledger/door.ts). */
  #admit(id: string): Teller {
    const host = enrolledHost(this.#sql, id);
    const n = Number(id.slice(1));
    noteAddress(this.#sql, id, `70.0.${n >> 8}.${n & 255}`, this.#now);
    return { host, seen: seenBy(host, { time: this.#now, version: null }, null, this.#now) };
  }

  async #ring(): Promise<void> {
    this.#alarmAt = null;
    this.costs.alarms += 1;
    this.#upkeep.save();
    await work(this.#parts);
    this.#wake();
  }

  /** An alarm that is set is a written row. */
  #wake(): void {
    const at = Math.max(nextWork(this.#parts), this.#now + 0.001);
    if (this.#alarmAt !== null && this.#alarmAt <= at) return;
    this.#alarmAt = at;
    this.costs.rows_written += 1;
    this.#written.set('setAlarm', (this.#written.get('setAlarm') ?? 0) + 1);
  }

  get #parts() {
    const kv = {
      put: async (_: string, value: Uint8Array) => {
        this.costs.kv_writes += 1;
        this.costs.kv_bytes = value.byteLength;
        this.#snapshot = new Uint8Array(value).buffer;
      },
      get: async () => {
        this.costs.kv_reads += 1;
        return this.#snapshot;
      },
    };
    const now = () => this.#now;
    const tables = { sql: this.#sql, holders: this.#holders, roll: this.#roll };
    const chores = [...this.#upkeep.chores(null), this.#tally];
    return { ...tables, kv, enforcement: this.#enforcement, guard: () => this.#guard, chores, watch: this.#watch, now };
  }

  #enforce(): Enforcement {
    const { api, clock, account, zones, token } = this.#plan;
    const ask: Fetch = async (url, init) => {
      this.costs.api_calls += 1;
      await fetch(`${clock}?now=${this.#now}`);
      return await fetch(url, init);
    };
    const settings = {
      mode: 'list',
      apiBase: api,
      accountId: account,
      zoneIds: zones,
      listName: 'edgeban',
      token,
    } as const;
    return createEnforcement({ sql: this.#sql, settings, fetch: ask, log: () => undefined, timeout_ms: 60_000 });
  }
}

/** Plays the plan that a request brings, and tells what it has cost. */
export class ManyHosts {
  readonly #storage: DurableObjectStorage;

  constructor(state: DurableObjectState) {
    this.#storage = state.storage;
  }

  async fetch(request: Request): Promise<Response> {
    const plan: Plan = await request.json();
    const life = new Life(this.#storage, plan);
    await life.begin();
    await life.live(plan.seconds);
    life.purge();
    return Response.json({ costs: life.costs, standing: life.standing, statements: life.statements });
  }
}

/** Each plan gets an object of its own. */
export default {
  fetch: (request: Request, env: { readonly MANY_HOSTS: DurableObjectNamespace }) =>
    env.MANY_HOSTS.getByName(new URL(request.url).pathname).fetch(request),
};
