/** The ledger's own rooms on Node: its tables in memory, KV as a map, the scene's Cloudflare and clock. */
import { parsePrefix } from '../../shared/address.ts';
import { Guard } from '../../shared/engine/guard.ts';
import { Holders } from '../../shared/store/holders.ts';
import type { Sql } from '../../shared/store/sql.ts';
import type { UnixTime, Until } from '../../shared/time.ts';
import type { EventReceipt } from '../../shared/wire.ts';
import { BanList, type ListedBan } from '../../worker/ban-list.ts';
import type { Enforcement } from '../../worker/cloudflare/enforcement.ts';
import { nextWork, type WorkParts, work } from '../../worker/ledger/alarm.ts';
import { takeEvents } from '../../worker/ledger/events.ts';
import { enrolledHost, enrollHost } from '../../worker/ledger/hosts.ts';
import { Roll } from '../../worker/ledger/roll.ts';
import { prepareTables } from '../../worker/ledger/schema.ts';
import { snapshotKey } from '../../worker/ledger/snapshot.ts';
import { noteChange } from '../../worker/ledger/state.ts';
import { viewStatus } from '../../worker/ledger/status.ts';
import type { StatusView } from '../../worker/shapes.ts';
import type { Scene } from './scene.ts';

/** What the operator allows, and so nobody bans. */
export const allowed = '198.51.100.0/24';

/** KV, which outlives the ledger. */
export class FakeKv {
  readonly values = new Map<string, ArrayBuffer>();
  puts = 0;
  broken = false;

  async put(key: string, value: Uint8Array): Promise<void> {
    if (this.broken) throw new Error('KV PUT failed: 429 Too Many Requests');
    this.puts += 1;
    this.values.set(key, new Uint8Array(value).buffer);
  }

  async get(key: string): Promise<ArrayBuffer | null> {
    return this.values.get(key) ?? null;
  }

  /** What a gate would find there. */
  listed(now: UnixTime): ListedBan[] {
    const bytes = this.values.get(snapshotKey);
    const list = bytes === undefined ? null : BanList.open(bytes);
    return list?.bans(now, 100_000) ?? [];
  }

  bans(now: UnixTime): string[] {
    return this.listed(now)
      .map(({ address }) => address)
      .sort();
  }
}

/** A ledger whose enforcement is the scene's; without `enforces` it changes nothing at Cloudflare. */
export class TestLedger {
  readonly kv: FakeKv;
  readonly id = crypto.randomUUID();
  readonly sql: Sql;
  holders: Holders;
  roll: Roll;
  /** Who tells people; nobody, unless a test says so. */
  watch: NonNullable<WorkParts['watch']> | null = null;
  chores: WorkParts['chores'] = [];
  readonly #scene: Scene;
  readonly #enforces: boolean;
  readonly #guard = new Guard({ allowed: [parsePrefix(allowed)].flatMap((prefix) => prefix ?? []) });

  constructor(scene: Scene, kv = new FakeKv(), enforces = true) {
    this.#scene = scene;
    this.#enforces = enforces;
    this.kv = kv;
    this.sql = scene.sql;
    prepareTables(this.sql, this.id, scene.clock.now);
    this.holders = new Holders(this.sql);
    this.roll = new Roll(this.sql);
  }

  hold(address: string, until: Until, jail = 'sshd', host = 'h'): void {
    this.sql.transaction(() => {
      const its = { edge: 'block', hosts: true } as const;
      this.holders.hold({ address, host, jail, at: this.#scene.clock.now, until, ...its });
      noteChange(this.sql);
    });
  }

  enrol(host: string): void {
    const request = { token: '', name: host, key: host };
    this.sql.all('INSERT INTO enroll_tokens (hash, expires_at) VALUES (?, ?)', host, this.#scene.clock.now + 60);
    enrollHost(this.sql, request, host, host, this.#scene.clock.now);
  }

  tell(host: string, stream: string, first: number, events: readonly unknown[]): EventReceipt {
    const parts = {
      sql: this.sql,
      holders: this.holders,
      roll: this.roll,
      guard: this.#guard,
      longest: null,
      fleet: null,
    };
    const batch = { stream, first, events: [...events] };
    const teller = { host: enrolledHost(this.sql, host), seen: {} };
    return takeEvents(parts, teller, batch, (count) => count, this.#scene.clock.now).receipt;
  }

  get status(): StatusView {
    this.roll.follow(this.#scene.clock.now);
    return viewStatus(
      { sql: this.sql, roll: this.roll },
      { enforcement: this.enforcement, gate: null },
      0,
      this.#scene.clock.now,
    );
  }

  /** When the alarm would ring. */
  get due(): UnixTime {
    return nextWork(this.#parts);
  }

  /** The alarm rings, and the clock goes to the next one. */
  async work(): Promise<void> {
    await work(this.#parts);
    this.#scene.clock.now = Math.max(this.#scene.clock.now + 0.3, this.due);
  }

  async settle(seconds = 900): Promise<void> {
    const end = this.#scene.clock.now + seconds;
    do {
      if (this.#scene.clock.now > end) throw new Error(`not settled: ${JSON.stringify(this.status)}`);
      await this.work();
    } while (!this.status.enforcement.current || !this.status.snapshot.current);
  }

  /** What is banned, as `address until`. */
  held(): string[] {
    this.roll.follow(this.#scene.clock.now);
    return this.roll
      .effective()
      .map(({ address, until }) => `${address} ${until}`)
      .sort();
  }

  /** As after an eviction or kill -9: only what is in the tables is left. */
  forget(): void {
    this.holders = new Holders(this.sql);
    this.roll = new Roll(this.sql);
  }

  get enforcement(): Enforcement | null {
    return this.#enforces ? this.#scene.enforcement : null;
  }

  get #parts(): WorkParts {
    const { sql, holders, roll, kv, chores } = this;
    const now = () => this.#scene.clock.now;
    const watch = this.watch === null ? {} : { watch: this.watch };
    const parts = { sql, holders, roll, kv, enforcement: this.enforcement, guard: () => this.#guard, chores, now };
    return { ...parts, ...watch };
  }
}
