/** How the alarm drives enforcement: what it hands over, when, and what happens if a step fails. */
import { reset } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { afterEach, describe, expect, it } from 'vitest';
import { Holders } from '../../shared/store/holders.ts';
import type { Enforcement, Wanted } from '../../worker/cloudflare/enforcement.ts';
import { nextWork, work } from '../../worker/ledger/alarm.ts';
import { pace } from '../../worker/ledger/limits.ts';
import { Roll } from '../../worker/ledger/roll.ts';
import { noteChange } from '../../worker/ledger/state.ts';
import { durableSql } from '../../worker/sqlite.ts';
import { operator, withState } from './hosts.ts';

afterEach(() => reset());

const start = 1_800_000_000;

/** The ledger's own tables under a clock and an enforcement of the test's. */
function rig<T>(body: (rig: Rig) => Promise<T>): Promise<T> {
  return withState((state) => body(new Rig(state)));
}

class Rig {
  now = start;
  readonly steps: { readonly wanted: readonly Wanted[]; readonly now: number }[] = [];
  again: number | null = null;
  failing = false;
  readonly holders: Holders;
  readonly #sql: ReturnType<typeof durableSql>;
  readonly #roll: Roll;

  constructor(state: DurableObjectState) {
    this.#sql = durableSql(state.storage);
    this.holders = new Holders(this.#sql);
    this.#roll = new Roll(this.#sql);
    this.#sql.all(
      'UPDATE ledger SET recovered_at = 0, enforced_at = NULL, swept_at = ?, purged_at = ?, snapshot_at = ?',
      start,
      start,
      start,
    );
    this.#sql.all('UPDATE ledger SET snapshot_revision = revision, snapshot_tried_at = 0');
  }

  get #parts() {
    const step: Enforcement['step'] = async (wanted, now) => {
      this.steps.push({ wanted, now });
      if (this.failing) throw new Error('a bug');
      return { again: this.again };
    };
    const notAsked = () => {
      throw new Error('not asked');
    };
    return {
      sql: this.#sql,
      holders: this.holders,
      roll: this.#roll,
      kv: env.BANS,
      enforcement: {
        step,
        waitsUntil: () => null,
        survey: notAsked,
        former: notAsked,
        status: notAsked,
        switch: notAsked,
      },
      guard: notAsked,
      chores: [],
      now: () => this.now,
    };
  }

  hold(address: string, at: number, until: number | null, jail = 'sshd'): void {
    this.#sql.transaction(() => {
      this.holders.hold({ address, host: 'h', jail, at, until, edge: 'block', hosts: true });
      noteChange(this.#sql);
    });
  }

  work(): Promise<void> {
    return work(this.#parts);
  }

  get due(): number {
    return nextWork(this.#parts);
  }
}

describe('enforcement', () => {
  it('is handed all that is banned, the newest first, once for a change', async () => {
    await operator('GET', '/v1/status');
    await rig(async (rig) => {
      rig.hold('203.0.113.7', start - 20, start + 60);
      rig.hold('203.0.113.8', start - 10, null);
      rig.hold('203.0.113.7', start - 15, start + 90, 'recidive');
      expect(rig.due).toBeLessThanOrEqual(start);
      await rig.work();
      await rig.work();
      expect(rig.steps).toHaveLength(1);
      expect(rig.steps[0]?.wanted).toEqual([
        { address: '203.0.113.8', comment: 'sshd', action: 'block', until: null },
        { address: '203.0.113.7', comment: 'recidive', action: 'block', until: start + 90 },
      ]);
    });
  });

  it('is called again when it asks, and not before', async () => {
    await operator('GET', '/v1/status');
    await rig(async (rig) => {
      rig.again = start + 5;
      await rig.work();
      rig.now = start + 4.9;
      await rig.work();
      expect(rig.steps).toHaveLength(1);
      expect(rig.due).toBe(start + 5);
      rig.now = start + 5;
      rig.again = null;
      await rig.work();
      expect(rig.steps).toHaveLength(2);
      expect(rig.due).toBe(start + pace.sweep_every);
    });
  });

  it('is handed the end of a ban without being asked', async () => {
    await operator('GET', '/v1/status');
    await rig(async (rig) => {
      rig.hold('203.0.113.7', start, start + 60);
      await rig.work();
      rig.now = start + 30;
      await rig.work();
      expect(rig.due).toBe(start + 60 + pace.expiry_gather);
      rig.now = start + 60;
      await rig.work();
      expect(rig.steps.map(({ wanted }) => wanted.length)).toEqual([1, 0]);
    });
  });

  it('that fails by a bug of ours comes again, later', async () => {
    await operator('GET', '/v1/status');
    await rig(async (rig) => {
      rig.hold('203.0.113.7', start, null);
      rig.failing = true;
      await rig.work();
      rig.failing = false;
      expect(rig.due).toBe(start + pace.retry_after);
      rig.now = start + pace.retry_after;
      await rig.work();
      expect(rig.steps).toHaveLength(2);
    });
  });
});
