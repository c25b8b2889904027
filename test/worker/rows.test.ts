/** How many rows the ledger reads and writes: a free plan has 5,000,000 and 100,000 of them a day. */
import { reset } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { afterEach, describe, expect, it } from 'vitest';
import { Guard } from '../../shared/engine/guard.ts';
import { Holders } from '../../shared/store/holders.ts';
import type { Wanted } from '../../worker/cloudflare/enforcement.ts';
import { nextWork, work } from '../../worker/ledger/alarm.ts';
import { takeEvents } from '../../worker/ledger/events.ts';
import { enrolledHost } from '../../worker/ledger/hosts.ts';
import { Roll } from '../../worker/ledger/roll.ts';
import type { durableSql } from '../../worker/sqlite.ts';
import { counted } from './counted.ts';
import { atNoon, ban, newHost, unban, withState } from './hosts.ts';

afterEach(() => reset());

const held = 10_000;
/** What a step may read besides the changes themselves: its own state, read several times. */
const step_rows_max = 40;

function notAsked(): never {
  throw new Error('not asked');
}

class Rig {
  readonly rows: () => { read: number; written: number };
  readonly handed: (readonly Wanted[])[] = [];
  roll: Roll;
  now = Math.floor(Date.now() / 1000);
  readonly #sql: ReturnType<typeof durableSql>;
  readonly #host: string;
  readonly #stream = crypto.randomUUID();
  #next = 1;

  constructor(state: DurableObjectState, host: string) {
    const { sql, rows } = counted(state.storage);
    this.#sql = sql;
    this.#host = host;
    this.rows = rows;
    sql.all(
      `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
       INSERT INTO holders SELECT '2.0.' || (i / 250) || '.' || (i % 250), CASE WHEN i % 3 = 0 THEN ? ELSE 'other' END,
         'sshd', ?, ?, 0, NULL, 0, i, 0, 'block', 1, 1 FROM n`,
      ...[held, host, this.now, this.now + 86_400],
    );
    sql.all('UPDATE ledger SET recovered_at = 0');
    this.roll = new Roll(sql);
    this.rows();
  }

  get #parts() {
    const enforcement = {
      step: async (wanted: readonly Wanted[]) => {
        this.handed.push(wanted);
        return { again: null };
      },
      waitsUntil: () => null,
      survey: notAsked,
      former: notAsked,
      status: notAsked,
      switch: notAsked,
    };
    const holders = new Holders(this.#sql);
    return { sql: this.#sql, holders, kv: env.BANS, enforcement, guard: notAsked, chores: [], now: () => this.now };
  }

  work(): Promise<void> {
    this.now += 2;
    return work({ ...this.#parts, roll: this.roll });
  }

  due(): number {
    return nextWork(this.#parts);
  }

  tell(...events: readonly unknown[]): void {
    const batch = { stream: this.#stream, first: this.#next, events: [...events] };
    const parts = { ...this.#parts, guard: new Guard(), roll: this.roll, longest: null, fleet: null };
    const { receipt } = takeEvents(
      parts,
      { host: enrolledHost(this.#sql, this.#host), seen: {} },
      batch,
      (count) => count,
      this.now,
    );
    expect(receipt.refused).toEqual([]);
    this.#next += events.length;
  }

  get billed(): number {
    return enrolledHost(this.#sql, this.#host).spent.rows;
  }

  /** Until the bans are over and their rows forgotten. */
  async forgetBans(): Promise<void> {
    this.now += 2 * 3_600;
    await this.work();
    new Holders(this.#sql).purge(this.now + 1, 0);
  }

  /** As after an eviction. */
  forget(): void {
    this.roll = new Roll(this.#sql);
  }
}

async function rig(body: (rig: Rig) => Promise<void>): Promise<void> {
  const { id } = await newHost('web1');
  await withState((state) => body(new Rig(state, id)));
}

describe(`with ${held} bans held`, () => {
  it('a step of snapshot and enforcement reads what has changed', async () => {
    await rig(async (rig) => {
      await rig.work();
      expect(rig.rows().read).toBeGreaterThanOrEqual(held);
      rig.tell(ban('203.0.113.7'), ban('203.0.113.8'), unban('203.0.113.8'));
      expect(rig.rows().read).toBeLessThan(step_rows_max);
      await rig.work();
      rig.due();
      expect(rig.rows().read).toBeLessThan(step_rows_max);
      expect(rig.handed.at(-1)).toHaveLength(held + 1);
      expect((await env.BANS.get('bans', 'arrayBuffer'))?.byteLength).toBeGreaterThan(held * 12);
    });
  });

  it('a ledger that wakes reads pages and what has changed since', async () => {
    await rig(async (rig) => {
      await rig.work();
      rig.forget();
      rig.rows();
      rig.tell(ban('203.0.113.7'));
      await rig.work();
      expect(rig.rows().read).toBeLessThan(2 * step_rows_max);
      expect(rig.handed.at(-1)).toHaveLength(held + 1);
    });
  });

  it('a ban that ends costs the reading of itself', async () => {
    await rig(async (rig) => {
      rig.tell(ban('203.0.113.7', { until: rig.now + 5 }));
      await rig.work();
      rig.now += 10;
      rig.rows();
      await rig.work();
      expect(rig.rows().read).toBeLessThan(step_rows_max);
      expect(rig.handed.at(-1)).toHaveLength(held);
    });
  });
});

describe('a host is billed', () => {
  atNoon();
  it.each([
    ['one a request', 20, 1],
    ['many a request', 3, 200],
  ])('no less than its bans come to write: %s', async (_, requests, bans) => {
    await rig(async (rig) => {
      await rig.work();
      rig.rows();
      for (let n = 0; n < requests; n++) {
        rig.tell(...Array.from({ length: bans }, (_, i) => ban(`198.51.${n}.${i}`)));
        await rig.work();
      }
      await rig.forgetBans();
      // each request sets the alarm, which sets itself
      const written = rig.rows().written + 3 * requests;
      expect(rig.billed).toBeGreaterThanOrEqual(written);
      expect(rig.billed).toBeLessThan(2 * written);
    });
  });
});

it('a ban is few rows: its own with two indices, and one of its host', async () => {
  await rig(async (rig) => {
    await rig.work();
    rig.rows();
    rig.tell(ban('203.0.113.7'));
    expect(rig.rows().written).toBeLessThanOrEqual(4);
  });
});
