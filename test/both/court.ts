/** An engine over a store on an empty database, and what a host does with its decisions. */
import type { Decision, JailRules } from '../../shared/engine/decision.ts';
import { Engine } from '../../shared/engine/engine.ts';
import { Guard, type GuardSettings } from '../../shared/engine/guard.ts';
import type { Sql } from '../../shared/store/sql.ts';
import { openStore, type Store } from '../../shared/store/store.ts';
import type { Failure } from '../../shared/ticket.ts';

export const rules: JailRules = {
  findtime: 600,
  maxretry: 3,
  maxmatches: 3,
  bantime: 600,
  increment: null,
  ignoreip: [],
  ignoreself: true,
  sliding: false,
  prefix6: 128,
};

export function storeOn(sql: Sql): Store {
  let streams = 0;
  const freshStream = () => `00000000-0000-4000-8000-${String(++streams).padStart(12, '0')}`;
  return openStore(sql, { dbmaxmatches: 10, freshStream });
}

export function failureOf(id: string, time: number, ip: string | null = id): Failure {
  return { id, ip, time, matches: [`${id} at ${time}`], groups: {} };
}

export class Court {
  readonly store: Store;
  readonly engine: Engine;

  constructor(sql: Sql, jails: Readonly<Record<string, JailRules>>, guard: GuardSettings = {}) {
    this.store = storeOn(sql);
    this.engine = new Engine({ guard: new Guard(guard), history: this.store.bans, random: () => 0.5 });
    for (const [jail, its] of Object.entries(jails)) this.engine.setRules(jail, its);
    this.engine.loadCounters(this.store.counters.all());
  }

  /** One failure, decided and written in one transaction. */
  fail(id: string, time: number, options: { jail?: string; now?: number; ip?: string | null } = {}): Decision {
    const { jail = 'sshd', now = time, ip = id } = options;
    return this.written(() => this.engine.failure(jail, failureOf(id, time, ip), now));
  }

  written<T extends Decision>(decide: () => T): T {
    return this.store.transaction(() => {
      const decision = decide();
      if (decision.kind === 'ban') this.store.bans.add(decision.ban);
      if (decision.kind === 'prolong') this.store.bans.change(decision.ban);
      this.store.counters.save(this.engine.takeDirtyCounters());
      return decision;
    });
  }
}
