/** The fake Cloudflare over real HTTP, an enforcement over SQLite in memory, and a clock moved by hand. */
import { DatabaseSync } from 'node:sqlite';
import { canonical } from '../../shared/address.ts';
import type { Sql, SqlRow } from '../../shared/store/sql.ts';
import type { UnixTime } from '../../shared/time.ts';
import {
  createClearing,
  createEnforcement,
  type Enforcement,
  type EnforcementStatus,
  type Fetch,
  type FormerSettings,
  type Stance,
  type Wanted,
} from '../../worker/cloudflare/enforcement.ts';
import type { FakeOptionsInput } from '../fakes/cloudflare/options.ts';
import { createFakeCloudflare, type FakeCloudflare } from '../fakes/cloudflare/server.ts';
import type { Rule } from '../fakes/cloudflare/state.ts';

export const account = 'a'.repeat(32);
export const zoneIds = ['b'.repeat(32), 'c'.repeat(32)] as const;
export const listName = 'edgeban';
export const challengeListName = 'edgeban_challenge';
export const secret = 'cfat_test-secret-0123456789';

export interface Scene {
  readonly fake: FakeCloudflare;
  readonly base: string;
  sql: Sql;
  readonly log: string[];
  readonly clock: { now: UnixTime };
  /** How the enforcement reaches the fake; replace `fetch` to break the line. */
  readonly line: { fetch: Fetch };
  /** What holds for all bans at once; to be changed by tests. */
  readonly stance: { -readonly [name in keyof Stance]: boolean };
  /** How long a request may take, from the next restart on; a busy machine needs long, a test of hanging short. */
  readonly patience: { timeout_ms: number };
  enforcement: Enforcement;
  /** A new enforcement over the same tables, as after kill -9 or with other settings. */
  restart(mode?: Mode | Off): void;
  /** Another deployment on the same account and clock. */
  beside(instance: string): Scene;
  /** All that the Worker knew is gone: an enforcement over empty tables. */
  lose(): void;
  /** One step, then the clock goes to when the next is due. */
  step(wanted: readonly Wanted[]): Promise<void>;
  /** Steps until all is in step; throws if that takes longer than this many seconds of the clock. */
  settle(wanted: readonly Wanted[], seconds?: number): Promise<void>;
  close(): Promise<void>;
}

export function memorySql(): Sql {
  const database = new DatabaseSync(':memory:');
  return {
    script: (text) => database.exec(text),
    all: (query, ...values) =>
      database
        .prepare(query)
        .all(...values)
        .map((row): SqlRow => ({ ...row }) as SqlRow),
    transaction: (body) => {
      database.exec('BEGIN');
      try {
        const result = body();
        database.exec('COMMIT');
        return result;
      } catch (error) {
        database.exec('ROLLBACK');
        throw error;
      }
    },
  };
}

const notMade = (): never => {
  throw new Error('not made yet');
};
const unmade: Enforcement = {
  step: notMade,
  survey: notMade,
  former: notMade,
  waitsUntil: notMade,
  switch: notMade,
  status: notMade,
};

/** What differs between the modes; the list's unless told otherwise. */
type Off = { readonly mode: 'none'; readonly former?: FormerSettings };
type Mode =
  | {
      readonly mode: 'list';
      readonly zoneIds: readonly string[];
      readonly listName: string;
      readonly challengeListName?: string;
      readonly former?: FormerSettings;
    }
  | {
      readonly mode: 'access-rules';
      readonly zoneIds: readonly string[] | null;
      readonly unusedZoneIds?: readonly string[];
      readonly former?: FormerSettings;
    };

export async function openScene(
  options: Partial<FakeOptionsInput> = {},
  mode: Mode = { mode: 'list', zoneIds, listName },
): Promise<Scene> {
  const clock = { now: 1_800_000_000 };
  const zones = zoneIds.map((id, index) => ({ id, name: `zone${index}.example` }));
  const tokens = [{ name: 'worker', secret }];
  const fake = createFakeCloudflare({
    options: { account, zones, tokens, ...options },
    file: null,
    now: () => clock.now * 1000,
  });
  const base = await fake.listen(0, '127.0.0.1');
  return sceneOn({ fake, base, clock }, mode, 'main');
}

/** An enforcement of its own on a fake and its clock. */
function sceneOn(on: Pick<Scene, 'fake' | 'base' | 'clock'>, mode: Mode, instance: string): Scene {
  const { fake, base, clock } = on;
  const log: string[] = [];
  const api = { apiBase: base, accountId: account, token: secret, instance };
  let set: Mode | Off = mode;
  const line: { fetch: Fetch } = { fetch: (url, init) => fetch(url, init) };
  const patience = { timeout_ms: 10_000 };
  const stance = { panic: false, brake: false };
  const make = (): Enforcement => {
    const parts = { sql: scene.sql, log: (text: string) => log.push(text), stance: () => stance, ...patience };
    const net: Fetch = (url, init) => line.fetch(url, init);
    if (set.mode !== 'none') return createEnforcement({ ...parts, fetch: net, settings: { ...set, ...api } });
    const { former } = set;
    return createClearing({ ...parts, fetch: net, api: { ...api, ...(former && { former }) } }) ?? unmade;
  };
  const scene: Scene = {
    ...on,
    sql: memorySql(),
    log,
    line,
    stance,
    patience,
    enforcement: unmade,
    restart: (other) => {
      set = other ?? set;
      scene.enforcement = make();
    },
    beside: (name) => sceneOn(on, mode, name),
    lose: () => {
      scene.sql = memorySql();
      scene.restart();
    },
    step: async (wanted) => {
      const { again } = await scene.enforcement.step(wanted, clock.now);
      clock.now = Math.max(clock.now + 0.01, again ?? clock.now + 600);
    },
    settle: async (wanted, seconds = 900) => {
      const end = clock.now + seconds;
      do {
        if (clock.now > end) throw new Error(`not settled: ${JSON.stringify(scene.enforcement.status(clock.now))}`);
        await scene.step(wanted);
      } while (!scene.enforcement.status(clock.now).inStep);
    },
    close: () => fake.close(),
  };
  scene.restart();
  return scene;
}

/** The rules of the zones in the mode `list`. */
export function ruleStatuses(scene: Scene): Extract<EnforcementStatus, { mode: 'list' }>['rules'] {
  const status = scene.enforcement.status(scene.clock.now);
  if (status.mode !== 'list') throw new Error('not the mode list');
  return status.rules;
}

export function want(address: string, until: UnixTime | null = null, action: Wanted['action'] = 'block'): Wanted {
  return { address, comment: 'sshd on web1', action, until };
}

export function wantMany(count: number, from = 0): Wanted[] {
  return Array.from({ length: count }, (_, index) => {
    const n = index + from;
    return want(`45.${n >> 16}.${(n >> 8) & 255}.${n & 255}`);
  });
}

/** The addresses that the list holds, those of ours first; canonical and sorted. */
export function listed(scene: Scene, name = listName): { ours: string[]; foreign: string[] } {
  const items = scene.fake.control.items(name);
  const spelt = (mine: boolean) =>
    items
      .filter((item) => (item.comment ?? '').startsWith('edgeban:main:') === mine)
      .map((item) => canonical(item.ip) ?? item.ip)
      .sort();
  return { ours: spelt(true), foreign: spelt(false) };
}

/** All that a list holds; canonical and sorted. */
export function items(scene: Scene, name: string): string[] {
  return scene.fake.control
    .items(name)
    .map(({ ip }) => canonical(ip) ?? ip)
    .sort();
}

export function addresses(wanted: readonly Wanted[]): string[] {
  return wanted.map(({ address }) => address).sort();
}

export function ruleRefs(scene: Scene, zone: string): string[] {
  return scene.fake.control.rules(zone).map((rule: Rule) => rule.ref);
}

/** The requests that the fake has seen, as `METHOD path`, without queries. */
export function asked(scene: Scene): string[] {
  return scene.fake.control.journal().map(({ method, path }) => `${method} ${path.replace(/\?.*/, '')}`);
}
