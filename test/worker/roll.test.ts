/** The roll against the table that it follows, over random histories with evictions, expiry and purges. */
import { reset } from 'cloudflare:test';
import { afterEach, expect, it } from 'vitest';
import { Holders } from '../../shared/store/holders.ts';
import type { Sql } from '../../shared/store/sql.ts';
import { edgeActions } from '../../shared/ticket.ts';
import type { ListedBan } from '../../worker/ban-list.ts';
import { listBans } from '../../worker/ledger/bans.ts';
import { Roll } from '../../worker/ledger/roll.ts';
import { durableSql } from '../../worker/sqlite.ts';
import { operator, withState } from './hosts.ts';

afterEach(() => reset());

/** Numbers below `limit`, the same for a seed. */
function dice(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * limit);
  };
}

class History {
  now = 1_000;
  roll: Roll;
  readonly holders: Holders;
  readonly #sql: Sql;
  readonly #roll: (limit: number) => number;

  constructor(sql: Sql, seed: number) {
    this.#sql = sql;
    this.#roll = dice(seed);
    this.holders = new Holders(sql);
    this.roll = new Roll(sql);
  }

  go(): void {
    const acts = [this.#hold, this.#hold, this.#hold, this.#lift, this.#expire, this.#forget, this.#purge];
    const act = acts[this.#roll(acts.length)];
    this.now += this.#roll(5);
    this.#sql.transaction(() => act?.call(this));
  }

  check(): void {
    this.roll.follow(this.now);
    const first = ({ address, action, until }: ListedBan) => `${address} ${action} ${until}`;
    const ours = this.roll.wanted().map(first).toSorted();
    expect(ours).toEqual(this.#listed().map(first));
    const states = this.roll.effective();
    const firsts = states.filter(({ address }, index) => states[index - 1]?.address !== address);
    expect(firsts.map(first).toSorted()).toEqual(ours);
    expect(this.roll.addresses).toBe(this.holders.effectiveAll(this.now).length);
    const query = `SELECT host, COUNT(*) AS bans FROM holders
      WHERE lifted = 0 AND ended = 0 AND (until IS NULL OR until > ?) GROUP BY host`;
    const bans = this.#sql.all(query, this.now);
    for (const row of bans) expect(this.roll.heldBy(String(row['host'])).bans).toBe(row['bans']);
    expect(this.roll.bans).toBe(bans.reduce((sum, row) => sum + Number(row['bans']), 0));
  }

  /** What the operator is told, worked out by SQLite. */
  #listed(): ListedBan[] {
    const { bans } = listBans({ sql: this.#sql, holders: this.holders }, '', 1_000, this.now);
    return bans.flatMap(({ address, action, until }) => (action === 'off' ? [] : [{ address, action, until }]));
  }

  /** Outside of the transaction, as the ledger does it. */
  keepPages(): void {
    this.roll.follow(this.now);
    this.roll.keep(5);
  }

  #who() {
    const jail = ['sshd', 'recidive'][this.#roll(2)] ?? 'sshd';
    return { address: `203.0.113.${this.#roll(12)}`, host: `h${this.#roll(3)}`, jail, at: this.now };
  }

  #hold(): void {
    const edge = edgeActions[this.#roll(edgeActions.length)] ?? 'block';
    const until = this.#roll(4) === 0 ? null : this.now + this.#roll(60);
    this.holders.hold({ ...this.#who(), until, edge, hosts: this.#roll(2) === 0 });
  }

  #lift(): void {
    this.holders.lift(this.#who());
  }

  #expire(): void {
    this.holders.expire(this.now, 5);
  }

  #forget(): void {
    this.roll = new Roll(this.#sql);
  }

  #purge(): void {
    this.roll.forgetPages();
    this.holders.purge(this.now, 10);
  }
}

it.each([1, 2, 3, 4, 5])('follows whatever happens (history %d)', async (seed) => {
  await operator('GET', '/v1/status');
  await withState(async (state) => {
    const history = new History(durableSql(state.storage), seed);
    for (let step = 0; step < 400; step++) {
      history.go();
      if (step % 3 === 0) history.check();
      if (step % 7 === 0) history.keepPages();
    }
    history.check();
  });
});
