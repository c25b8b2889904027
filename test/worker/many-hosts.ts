/** The ledger's rooms in a Durable Object of their own, on a clock that jumps: what the life of many hosts costs (test/bench/fleet.ts). */
import { Guard } from '../../shared/engine/guard.ts';
import { Holders } from '../../shared/store/holders.ts';
import type { Sql } from '../../shared/store/sql.ts';
import { randomText } from '../../worker/auth.ts';
import { createEnforcement, type Enforcement, type Fetch } from '../../worker/cloudflare/enforcement.ts';
import { nextWork, work } from '../../worker/ledger/alarm.ts';
import { takeEvents } from '../../worker/ledger/events.ts';
import { pageAfter } from '../../worker/ledger/feed.ts';
import { noteAddress } from '../../worker/ledger/host-addresses.ts';
import { enrolledHost, noteSeen, spendNonce } from '../../worker/ledger/hosts.ts';
import { Roll } from '../../worker/ledger/roll.ts';
import { prepareTables } from '../../worker/ledger/schema.ts';
import { readState } from '../../worker/ledger/state.ts';
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
  readonly #roll: Roll;
  readonly #holders: Holders;
  readonly #guard = new Guard();
  readonly #random = randomOf(1);
  readonly #streams = new Map<string, { readonly id: string; next: number }>();
  #enforcement: Enforcement;
  #snapshot: ArrayBuffer | null = null;
  #now = 1_800_000_000;
  #alarmAt: number | null = null;
  #banned = 0;

  constructor(storage: DurableObjectStorage, plan: Plan) {
    const { sql, rows } = counted(storage);
    this.#plan = plan;
    this.#sql = sql;
    this.#rows = rows;
    prepareTables(sql, crypto.randomUUID(), this.#now);
    this.#populate();
    this.#holders = new Holders(sql);
    this.#roll = new Roll(sql);
    this.#enforcement = this.#enforce();
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
    this.#sql.all('UPDATE ledger SET recovered_at = 0');
  }

  /** One ban of one host, as its pusher sends it: a request, an answer, a page for all others. */
  #tell(): void {
    const { hosts, bantime_s } = this.#plan;
    const id = `h${1 + Math.floor(this.#random() * hosts)}`;
    const stream = this.#streams.get(id) ?? { id: crypto.randomUUID(), next: 1 };
    this.#streams.set(id, stream);
    this.#admit(id);
    this.#banned += 1;
    const address = `60.${(this.#banned >> 16) & 255}.${(this.#banned >> 8) & 255}.${this.#banned & 255}`;
    const until = this.#now + bantime_s;
    const event = { kind: 'ban', jail: 'sshd', address, at: this.#now, until, failures: 5, count: 1 };
    const parts = { ...this.#parts, guard: this.#guard, longest: null, soften: false, fleet: null };
    const before = this.#holders.last();
    const batch = { stream: stream.id, first: stream.next, events: [event] };
    const { receipt } = takeEvents(parts, id, batch, (count) => count, this.#now);
    stream.next += 1;
    this.costs.requests += 1;
    this.costs.refused += receipt.refused.length;
    const page = pageAfter(
      { sql: this.#sql, holders: this.#holders, ledger: id },
      { cursor: before, resetting: false },
    );
    this.costs.messages += page.changes.length * (hosts - 1);
    this.#wake();
  }

  /** What the door writes down of a request (worker/ledger/door.ts). */
  #admit(id: string): void {
    const host = enrolledHost(this.#sql, id);
    const request = { host: id, time: Math.floor(this.#now), nonce: randomText(16) };
    spendNonce(this.#sql, { ...request, method: 'POST', path: '/v1/events', bodyHash: '' });
    noteSeen(this.#sql, host, null, null, this.#now);
    const n = Number(id.slice(1));
    noteAddress(this.#sql, id, `70.0.${n >> 8}.${n & 255}`, this.#now);
  }

  async #ring(): Promise<void> {
    this.#alarmAt = null;
    this.costs.alarms += 1;
    await work(this.#parts);
    this.#wake();
  }

  /** An alarm that is set is a written row. */
  #wake(): void {
    const at = Math.max(nextWork(this.#parts), this.#now + 0.001);
    if (this.#alarmAt !== null && this.#alarmAt <= at) return;
    this.#alarmAt = at;
    this.costs.rows_written += 1;
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
    return { ...tables, kv, enforcement: this.#enforcement, guard: () => this.#guard, chores: [], now };
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
    return Response.json({ costs: life.costs, standing: life.standing });
  }
}

/** Each plan gets an object of its own. */
export default {
  fetch: (request: Request, env: { readonly MANY_HOSTS: DurableObjectNamespace }) =>
    env.MANY_HOSTS.getByName(new URL(request.url).pathname).fetch(request),
};
