/** What the dashboard of one host shows and does: shared/view.ts, of the daemon and its database. */
import { hostname } from 'node:os';
import { canonical } from '../../shared/address.ts';
import { Overview } from '../../shared/overview.ts';
import { recentBans, seriesOf } from '../../shared/series.ts';
import type { UnixTime } from '../../shared/time.ts';
import type {
  Act,
  Acts,
  AddressStory,
  AllowedRows,
  BanRows,
  BansQuery,
  Series,
  Summary,
  Top,
} from '../../shared/view.ts';
import type { Watch } from '../control/watch.ts';
import type { Daemon } from './daemon.ts';
import type { HostDatabase } from './database.ts';

export const dashboardLimits = {
  /** Acts that are remembered while the program runs; the daemon's log has them all. */
  acts_max: 500,
  look_ms: 1_000,
} as const;

export class HostViews {
  readonly #daemon: Daemon;
  readonly #database: HostDatabase;
  readonly #overview: Overview;
  readonly #now: () => UnixTime;
  readonly #acts: Act[] = [];
  /** Whom this dashboard has allowed. */
  readonly #allowed = new Map<string, { readonly note: string; readonly at: UnixTime }>();
  #looked: { readonly at_ms: number; readonly watch: Promise<Watch> } | null = null;

  constructor(daemon: Daemon, database: HostDatabase, now: () => UnixTime) {
    this.#daemon = daemon;
    this.#database = database;
    this.#overview = new Overview(database);
    this.#now = now;
  }

  async jails(): Promise<string[]> {
    return (await this.#look()).jails.map(({ jail }) => jail).filter((jail) => jail !== edgeJail);
  }

  async summary(): Promise<Summary> {
    const watch = await this.#followed();
    const { banned, families, jails } = this.#overview.shares((host) => host);
    return {
      now: this.#now(),
      revision: revisionOf(watch),
      banned,
      families,
      jails,
      hosts: null,
      ...recentBans(this.#database, this.#now()),
      panic: null,
      brake: null,
      troubles: troublesOf(watch),
    };
  }

  series(query: { readonly hours: number; readonly by: 'jail' | 'host' }): Series {
    return seriesOf(this.#database, query, (host) => host, this.#now());
  }

  async top(): Promise<Top> {
    await this.#followed();
    return this.#overview.top();
  }

  async bans(query: BansQuery): Promise<BanRows> {
    const revision = revisionOf(await this.#followed());
    const found = this.#overview.bans({ ...query, host: '' }, (host) => host);
    return { revision, ...found, rows: found.rows.map((row) => ({ ...row, hosts: null })) };
  }

  async story(address: string): Promise<AddressStory> {
    const id = canonical(address) ?? address;
    const host = await this.#daemon.explain(id);
    const name = hostname();
    const bans = host.jails.flatMap(({ jail, history, ban }) => [
      ...(ban === null ? [] : [{ jail, ban, state: 'held' as const }]),
      ...history.filter(({ at }) => at !== ban?.at).map((past) => ({ jail, ban: past, state: 'ended' as const })),
    ]);
    const held = bans.map(({ jail, state, ban: { at, until } }) => ({
      address: id,
      host: name,
      jail,
      at,
      until,
      state,
    }));
    return {
      address: id,
      now: host.now,
      guard: host.guard,
      host,
      held: held.toSorted((one, other) => other.at - one.at),
      edge: host.edge,
      edge_trouble: host.edgeTrouble,
      acts: this.#acts.filter(({ about }) => about.split(' ')[0] === id).toReversed(),
    };
  }

  /** Of all jails together; what the configuration says is changed there. */
  async allowed(): Promise<AllowedRows> {
    const rows = new Map<string, AllowedRows['allowed'][number]>();
    for (const jail of await this.jails()) {
      const entries = await this.#daemon.ask('get', jail, 'ignoreip');
      for (const entry of Array.isArray(entries) ? entries : []) {
        const address = String(entry);
        const own = this.#allowed.get(address);
        if (own !== undefined) rows.set(address, { address, ...own, source: 'ledger' });
        else rows.set(address, { address, note: 'ignoreip', at: null, source: 'settings' });
      }
    }
    return { allowed: [...rows.values()] };
  }

  acts({ before, limit }: { readonly before: number | null; readonly limit: number }): Acts {
    const older = this.#acts.filter(({ n }) => before === null || n < before).toReversed();
    const acts = older.slice(0, limit);
    return { acts, next: older.length > limit ? (acts.at(-1)?.n ?? null) : null };
  }

  /** `bantime` in seconds; negative: for ever. Throws ERR_GUARD_*, ERR_JAIL_UNKNOWN. */
  async ban(who: string, { address, bantime, jail }: { address: string; bantime: number; jail: string }): Promise<Act> {
    await this.#daemon.askAs(who, 'set', jail, 'banip', '--bantime', String(bantime), address);
    const id = canonical(address) ?? address;
    return this.#note(who, 'ban', `${id} in ${jail} ${bantime < 0 ? 'for ever' : `for ${bantime} s`}`);
  }

  async unban(who: string, address: string): Promise<Act> {
    await this.#daemon.askAs(who, 'unban', address);
    return this.#note(who, 'unban', canonical(address) ?? address);
  }

  /** In all jails, until the configuration is read again. */
  async allow(who: string, address: string, note: string): Promise<Act> {
    const id = canonical(address) ?? address;
    for (const jail of await this.jails()) await this.#daemon.askAs(who, 'set', jail, 'addignoreip', id);
    await this.#daemon.askAs(who, 'unban', id);
    this.#allowed.set(id, { note, at: this.#now() });
    return this.#note(who, 'allow', id);
  }

  async disallow(who: string, address: string): Promise<Act | null> {
    if (!this.#allowed.delete(address)) return null;
    for (const jail of await this.jails()) await this.#daemon.askAs(who, 'set', jail, 'delignoreip', address);
    return this.#note(who, 'disallow', address);
  }

  #note(who: string, what: string, about: string): Act {
    const act = { n: (this.#acts.at(-1)?.n ?? 0) + 1, at: this.#now(), who, place: null, what, about };
    this.#acts.push(act);
    if (this.#acts.length > dashboardLimits.acts_max) this.#acts.shift();
    this.#looked = null;
    return act;
  }

  async #followed(): Promise<Watch> {
    const watch = await this.#look();
    this.#database.follow(revisionOf(watch));
    return watch;
  }

  /** However many pages are open, the daemon is asked once in a second. */
  #look(): Promise<Watch> {
    const at_ms = performance.now();
    if (this.#looked !== null && at_ms - this.#looked.at_ms < dashboardLimits.look_ms) return this.#looked.watch;
    const watch = this.#daemon.watch();
    this.#looked = { at_ms, watch };
    return watch;
  }
}

/** Other hosts' bans. */
const edgeJail = 'edge';

function revisionOf({ started, cursor, jails }: Watch): string {
  return `${started} ${cursor} ${jails.reduce((sum, { banned }) => sum + banned, 0)}`;
}

function troublesOf({ jails, edge }: Watch): Summary['troubles'] {
  const missing = jails.filter((jail) => jail.missing > 0);
  return [
    ...missing.map(({ jail, missing: count }) => {
      return { level: 'error' as const, text: `${count} bans of ${jail} are not in force: the log says why.` };
    }),
    ...(edge === null || edge.trouble === null
      ? []
      : [{ level: 'warning' as const, text: `The Worker: ${edge.trouble}` }]),
  ];
}
