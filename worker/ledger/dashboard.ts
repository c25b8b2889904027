/** What the ledger answers its dashboards: sessions, views of bans and hosts, and the live events. */
import type { Prefix } from '../../shared/address.ts';
import { Overview } from '../../shared/overview.ts';
import { recentBans, seriesOf } from '../../shared/series.ts';
import type { Holders } from '../../shared/store/holders.ts';
import type { Sql } from '../../shared/store/sql.ts';
import type { UnixTime } from '../../shared/time.ts';
import type { Acts, BanRows, BansQuery, Hosts, Series, Summary } from '../../shared/view.ts';
import type { HostView, StatusView } from '../shapes.ts';
import { newestActs, type Person } from './acts.ts';
import { readAddress } from './address.ts';
import { type LedgerStory, ledgerStory } from './address-story.ts';
import { viewAllowed } from './allow-list.ts';
import { enforcementView } from './enforcement-view.ts';
import { behindOf, listenersOf } from './feed.ts';
import { allHosts } from './hosts.ts';
import { openPage, tellPages } from './live.ts';
import type { Roll } from './roll.ts';
import { Sessions } from './sessions.ts';
import { readBrake, readPanic } from './standing.ts';
import { readState } from './state.ts';
import { viewHosts, viewStatus } from './status.ts';
import { Tally } from './tally.ts';
import { troublesOf } from './troubles.ts';
import type { World } from './world.ts';

/** What it is asked; the shapes of the answers are in shared/view.ts. */
export type Question =
  | { readonly what: 'login'; readonly person: Person; readonly isRight: boolean }
  | { readonly what: 'logout'; readonly person: Person; readonly session: SessionPlace }
  | { readonly what: 'check'; readonly session: SessionPlace }
  | { readonly what: 'summary' | 'top' | 'hosts' | 'enforcement' | 'allowed' }
  | { readonly what: 'series'; readonly query: { readonly hours: number; readonly by: 'jail' | 'host' } }
  | { readonly what: 'bans'; readonly query: BansQuery }
  | { readonly what: 'story'; readonly address: string }
  | { readonly what: 'acts'; readonly before: number | null; readonly limit: number };

/** A session by its id, and when it ends by itself. */
export interface SessionPlace {
  readonly id: string;
  readonly until: UnixTime;
}

export interface DashboardParts {
  readonly sql: Sql;
  readonly holders: Holders;
  readonly roll: Roll;
  readonly state: DurableObjectState;
  /** Throws ERR_SETTINGS. */
  readonly world: () => World;
  /** How late a host's newest events came, if it has told any since the ledger woke. */
  readonly lagOf: (host: string) => number | null;
  readonly now: () => UnixTime;
}

export class Dashboard {
  /** A chore of the alarm. */
  readonly tally: Tally;
  readonly #parts: DashboardParts;
  readonly #overview: Overview;
  readonly #sessions: Sessions;

  constructor(parts: DashboardParts) {
    this.#parts = parts;
    this.tally = new Tally(parts.sql, parts.holders);
    this.#overview = new Overview(parts.roll);
    this.#sessions = new Sessions(parts.sql, parts.state, parts.now);
  }

  /** Throws EdgebanErrors. */
  answer(question: Question): unknown {
    const { sql, now } = this.#parts;
    switch (question.what) {
      case 'login':
        return this.#sessions.login(question.person, question.isRight);
      case 'logout':
        return this.#sessions.logout(question.person, question.session);
      case 'check':
        return this.#sessions.check(question.session);
      case 'summary':
        return this.#summary(now());
      case 'series':
        return this.#series(question.query, now());
      case 'top':
        return this.#followed().top();
      case 'bans':
        return this.#bans(question.query);
      case 'story':
        return this.#story(readAddress(question.address), now());
      case 'hosts':
        return this.#hosts() satisfies Hosts;
      case 'enforcement':
        return enforcementView(sql, this.status(), now());
      case 'allowed':
        return { allowed: viewAllowed(sql, this.#parts.world().settings.allow).map(allowedRow) };
      case 'acts':
        return newestActs(sql, question.before, question.limit) satisfies Acts;
    }
  }

  hosts(): HostView[] {
    const { sql, roll, state, lagOf, now } = this.#parts;
    roll.follow(now());
    const rows = viewHosts({ sql, roll }, (id) => state.getWebSockets(id).length > 0, now());
    return rows.map((host) => ({ ...host, lag: lagOf(host.id) ?? host.lag }));
  }

  /** Throws ERR_SETTINGS. */
  status(): StatusView {
    const { sql, roll, state, world, now } = this.#parts;
    const { enforcement, settings } = world();
    roll.follow(now());
    return viewStatus({ sql, roll }, { enforcement, gate: settings.gate }, listenersOf(state), now());
  }

  /** Accepts a dashboard's WebSocket, which the routes have let in. Throws ERR_AUTH_SESSION. */
  open(request: Request): Response {
    const { state, sql, now } = this.#parts;
    const session = placeOfSession(request);
    this.#sessions.check(session);
    const { 0: client, 1: server } = new WebSocketPair();
    openPage(state, sql, server, session, now());
    return new Response(null, { status: 101, webSocket: client });
  }

  /** Tells open dashboards what is new. */
  tell(): void {
    const { state, sql, now } = this.#parts;
    tellPages(state, sql, () => this.#names(), now());
  }

  #summary(now: UnixTime): Summary {
    const { sql } = this.#parts;
    const shares = this.#followed().shares(this.#names());
    const brake = readBrake(sql);
    return {
      now,
      revision: this.#revision(),
      ...shares,
      ...recentBans(this.tally, now),
      panic: readPanic(sql),
      brake: brake === null ? null : { since: brake.since, by: brake.by },
      troubles: troublesOf(this.status(), this.hosts(), now),
    };
  }

  #hosts(): Hosts {
    const { state, holders } = this.#parts;
    const last = holders.last();
    const rows = this.hosts().map(({ holders: bans, ...host }) => ({
      ...host,
      bans,
      behind: behindOf(state, host.id, last),
    }));
    return { hosts: rows };
  }

  #series(query: { readonly hours: number; readonly by: 'jail' | 'host' }, now: UnixTime): Series {
    return seriesOf(this.tally, query, this.#names(), now);
  }

  #bans(query: BansQuery): BanRows {
    const found = this.#followed().bans(query, this.#names());
    return { revision: this.#revision(), ...found };
  }

  #story(address: Prefix, now: UnixTime): LedgerStory {
    const { sql, holders, world } = this.#parts;
    return ledgerStory({ sql, holders, guard: world().guard }, address, this.#names(), now);
  }

  #followed(): Overview {
    this.#parts.roll.follow(this.#parts.now());
    return this.#overview;
  }

  #revision(): string {
    return `${readState(this.#parts.sql).revision}`;
  }

  #names(): (host: string) => string {
    const names = new Map(allHosts(this.#parts.sql).map((host) => [host.id, host.name]));
    return (host) => names.get(host) ?? host;
  }
}

/** In headers that the routes set: nobody else reaches the ledger. */
const placeHeaders = { id: 'edgeban-session', until: 'edgeban-session-until' } as const;

/** The request for a dashboard's WebSocket as the ledger takes it. */
export function asSession(request: Request, { id, until }: SessionPlace): Request {
  const headers = new Headers(request.headers);
  headers.set(placeHeaders.id, id);
  headers.set(placeHeaders.until, String(until));
  return new Request(request, { headers });
}

function placeOfSession({ headers }: Request): SessionPlace {
  return { id: headers.get(placeHeaders.id) ?? '', until: Number(headers.get(placeHeaders.until)) };
}

function allowedRow({ address, note, at, source }: ReturnType<typeof viewAllowed>[number]) {
  return { address, note, at, source: source === 'ALLOW' ? 'settings' : 'ledger' };
}
