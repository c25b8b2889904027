/** A host: the real agent with its log, store, outbox and feed; its kernel and its line to the Worker are in memory. */
import { createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { Agent } from '../../host-agent/agent/agent.ts';
import type { Fleet } from '../../host-agent/agent/fleet.ts';
import type { AgentParts, EdgeLink } from '../../host-agent/agent/parts.ts';
import { type SourcePlan, sourceName } from '../../host-agent/agent/plan.ts';
import { outboxOf } from '../../host-agent/daemon/start-link.ts';
import { Follower } from '../../host-agent/edge/follower.ts';
import { liveFeedLimits } from '../../host-agent/edge/live-feed.ts';
import type { EdgeEvents, EdgeWorld } from '../../host-agent/edge/ports.ts';
import { Pusher } from '../../host-agent/edge/pusher.ts';
import type { Identity } from '../../host-agent/edge/sign.ts';
import { backoffLimits } from '../../host-agent/edge/standing.ts';
import type { Source } from '../../host-agent/sources/source.ts';
import { Resolver } from '../../host-agent/system/dns.ts';
import { Shell, shellLimits } from '../../host-agent/system/shell.ts';
import { openSqlite } from '../../host-agent/system/sqlite.ts';
import { numberOrNull, text } from '../../shared/store/row.ts';
import type { Sql } from '../../shared/store/sql.ts';
import { openStore, type Store } from '../../shared/store/store.ts';
import type { Story } from '../../shared/story.ts';
import { isOver, type UnixTime, type Until } from '../../shared/time.ts';
import { type Clock, type Life, within } from './clock.ts';
import type { SimulatedEdge } from './edge.ts';
import { Firewall } from './firewall.ts';
import { type JailName, log, planSparing, polls, ports } from './host-plan.ts';
import { type Fate, WorkerClient } from './worker-client.ts';

export interface HeldBan {
  readonly jail: string;
  readonly id: string;
  readonly until: Until;
}

export class SimulatedHost {
  readonly name: string;
  readonly firewall: Firewall;
  readonly client: WorkerClient;
  /** Whom it never bans, from its next start on. */
  spares: readonly string[] = [];
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #sql: Sql = openSqlite(':memory:');
  readonly #lines: string[] = [];
  /** To look into, dead or alive. */
  readonly #seen: Store;
  #store: Store;
  #agent: Agent | null = null;
  #life: Life = { dead: true };
  #wake: () => void = () => undefined;
  #link: { readonly pusher: Pusher; readonly follower: Follower } | null = null;
  /** Who it is at the Worker; a key that it is about to take stands beside. */
  #identity: Identity | null = null;
  #next: KeyObject | null = null;

  constructor(name: string, clock: Clock, edge: SimulatedEdge, random: () => number, fate: () => Fate) {
    this.name = name;
    this.#clock = clock;
    this.#random = random;
    this.firewall = new Firewall(() => clock.now);
    this.client = new WorkerClient(edge, clock, fate);
    this.#seen = this.#open({ dead: false });
    this.#store = this.#seen;
  }

  get id(): string | null {
    return this.#identity?.host ?? null;
  }

  /** A rotation was told that its answer was lost: it is to be asked for again. */
  get isRotating(): boolean {
    return this.#next !== null;
  }

  get isRunning(): boolean {
    return this.#agent !== null;
  }

  /** As kill -9. */
  kill(): void {
    this.#life.dead = true;
    this.#agent = null;
    this.#link = null;
  }

  async start(): Promise<void> {
    const life = { dead: false };
    this.#life = life;
    this.#store = this.#open(life);
    this.#agent = within(life, () => new Agent(this.#parts(life), planSparing(this.spares)));
    await within(life, () => this.#agent?.start());
  }

  /** At the Worker as it is now, with a fresh key; the daemon is started anew with it. */
  async enrol(edge: SimulatedEdge): Promise<void> {
    const { token } = await edge.order<{ token: string }>('POST', '/v1/enroll-tokens');
    const { privateKey: key } = generateKeyPairSync('ed25519');
    const body = JSON.stringify({ token, name: this.name, key: publicText(key) });
    const answer = await edge.ask('/v1/enroll', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    });
    if (!answer.ok) throw new Error(`enrolment of ${this.name}: ${await answer.text()}`);
    const { host } = (await answer.json()) as { host: string };
    this.kill();
    this.#identity = { host, key };
    this.#next = null;
    this.client.identity = this.#identity;
    await this.start();
  }

  /** A new key, as `edgeban edge rotate` asks for it: kept until the Worker has confirmed it. */
  async rotate(): Promise<void> {
    const identity = this.#identity;
    if (identity === null) return;
    this.#next ??= generateKeyPairSync('ed25519').privateKey;
    const key = this.#next;
    const isTaken = await this.client.rotate(identity, { host: identity.host, key }, publicText(key));
    if (!isTaken) return;
    this.#next = null;
    this.#identity = { host: identity.host, key };
    this.client.identity = this.#identity;
    if (!this.isRunning) return;
    this.kill();
    await this.start();
  }

  /** An address fails: a line in the log of the jail sshd, a client's word in the others, which have no filter. */
  async fail(jail: JailName, address: string): Promise<void> {
    if (jail === 'sshd') this.#line(address);
    // the guards' refusal is an answer, too
    else
      await this.#agent
        ?.jail(jail)
        ?.attempt(address, ['a line'])
        .catch(() => undefined);
  }

  /** Its time is in whole seconds, as a log's is. */
  #line(address: string): void {
    const stamp = new Date(Math.floor(this.#clock.now) * 1000).toISOString().replace('T', ' ').slice(0, 19);
    this.#lines.push(`${stamp}+0000 fail ${address}`);
    this.#wake();
  }

  /** By the client's word. */
  async ban(jail: JailName, address: string): Promise<void> {
    await this.#agent?.jail(jail)?.ban([address], { force: false });
  }

  async unban(jail: JailName, address: string): Promise<void> {
    await this.#agent?.jail(jail)?.unban([address]);
  }

  /** What `explain` tells. */
  async story(address: string): Promise<Story> {
    if (this.#agent === null) throw new Error(`${this.name} does not run`);
    return await this.#agent.explain(address);
  }

  /** What its store holds; looked at after every act, so it is one query. */
  get bans(): readonly HeldBan[] {
    return this.#sql
      .all('SELECT jail, id, until FROM held_bans')
      .map((row) => ({ jail: text(row, 'jail'), id: text(row, 'id'), until: numberOrNull(row, 'until') }));
  }

  /** Whom a jail bans at this time. */
  bannedIn(jail: string, now: UnixTime): string[] {
    return this.bans.flatMap((ban) => (ban.jail === jail && !isOver(ban.until, now) ? [ban.id] : [])).sort();
  }

  get waiting(): number {
    return this.#seen.outbox.size;
  }

  get trouble(): string | null {
    const { pusher, follower } = this.#link ?? {};
    return pusher?.standing.trouble ?? follower?.standing.trouble ?? null;
  }

  #open(life: Life): Store {
    return openStore(mortal(this.#sql, life), { dbmaxmatches: 2, freshStream: () => crypto.randomUUID() });
  }

  #parts(life: Life): AgentParts {
    return {
      version: '0.0.0',
      log,
      store: this.#store,
      dbFile: ':memory:',
      re2: ports.re2,
      resolver: new Resolver(Date.now, async () => []),
      shell: new Shell(shellLimits),
      hostname: this.name,
      now: () => this.#clock.now,
      random: this.#random,
      createAction: (_, { name }) => ({ kind: 'blocks', action: this.firewall.action(name) }),
      sweep: async ({ running, spared }) =>
        this.firewall.sweep([
          ...running.filter(({ actions }) => actions.length > 0).map(({ name }) => name),
          ...(spared ?? []),
        ]),
      lift: async (jail, bans) => this.firewall.lift(jail, bans),
      watchFirewalls: () => () => undefined,
      createSource: (source, { position }) => this.#source(source, position),
      plan: async () => planSparing(this.spares),
      origins: async () => ({ asn: [], country: [], rir: [] }),
      host: this.id,
      startLink: (fleet, resync) => within(life, () => this.#startLink(fleet, resync)),
    };
  }

  /** Its log, from where it was left. */
  #source(source: SourcePlan, position: string | null): Source {
    const name = sourceName(source);
    return {
      name,
      run: async (sink, signal) => {
        let at = position === null ? 0 : Number(position);
        while (!signal.aborted) {
          const begin = at;
          const lines = this.#lines.slice(begin, begin + 20).map((line) => ({ bytes: Buffer.from(line) }));
          at = begin + lines.length;
          const takeOnly = (count: number) => {
            at = begin + count;
            return String(at);
          };
          if (lines.length > 0) await sink({ source: name, lines, position: String(at), live: true, takeOnly });
          else await this.#more(signal);
        }
      },
    };
  }

  #more(signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
      signal.addEventListener('abort', () => resolve());
    });
  }

  #startLink(fleet: Fleet, resync: () => void): EdgeLink {
    const events: EdgeEvents = { up: () => undefined, trouble: () => undefined, refused: () => undefined };
    const world: EdgeWorld = {
      now: () => this.#clock.now,
      random: this.#random,
      sleep: (seconds, signal) => this.#clock.sleep(seconds, signal),
    };
    const { client } = this;
    const pusher = new Pusher({ client, outbox: outboxOf(this.#store, resync), world, events, limits: backoffLimits });
    const limits = { ...backoffLimits, ...liveFeedLimits, ...polls };
    const follower = new Follower({ client, sink: fleet, world, events, limits });
    this.#link = { pusher, follower };
    pusher.start();
    follower.start();
    return {
      wake: () => pusher.wake(),
      report: () => ({
        url: '',
        host: this.id ?? '',
        feed: follower.mode,
        waiting: this.#store.outbox.size,
        answeredAt: follower.standing.answeredAt,
        trouble: this.trouble,
      }),
      explain: (address) => client.explain(address),
      ability: () => client.ability(),
      close: async () => undefined,
    };
  }
}

function publicText(key: KeyObject): string {
  return createPublicKey(key).export({ format: 'jwk' }).x ?? '';
}

/** The database as a process sees it: none that is dead writes any more. */
function mortal(sql: Sql, life: Life): Sql {
  const alive = () => {
    if (life.dead) throw new Error('this agent is dead');
  };
  return {
    script: (text) => {
      alive();
      sql.script(text);
    },
    all: (query, ...values) => {
      alive();
      return sql.all(query, ...values);
    },
    transaction: (body) => {
      alive();
      return sql.transaction(body);
    },
  };
}
