/** The real Worker with its real ledger on Node: storage in memory, Durable Object, KV and Cloudflare as far as they are used. */
import { createHash, createPublicKey, verify } from 'node:crypto';
import { registerHooks } from 'node:module';
import { openSqlite } from '../../host-agent/system/sqlite.ts';
import type { Sql, SqlValue } from '../../shared/store/sql.ts';
import { FakeKv } from '../cloudflare/ledger.ts';
import { createFakeCloudflare, type FakeCloudflare } from '../fakes/cloudflare/server.ts';
import { type Clock, type Life, within } from './clock.ts';
import { formerVars, hostname, type Mode, varsOf } from './deployment.ts';

export const account = 'a'.repeat(32);
export const zones = ['b'.repeat(32), 'c'.repeat(32)] as const;
export const operatorToken = 'operator-token-of-a-history';
const secret = 'cfat_test-secret-0123456789';

/** What of the Durable Object's class is called from outside of the Worker. */
interface Ledger {
  alarm(): Promise<void>;
}
interface Worker {
  readonly default: { fetch(request: Request, env: unknown, context: unknown): Promise<Response> };
  readonly Ledger: new (state: unknown, env: unknown) => Ledger;
}

const stub =
  'data:text/javascript,export class DurableObject { constructor(ctx, env) { this.ctx = ctx; this.env = env; } }';

/** Loaded by name, for its types are workerd's. */
async function loadWorker(): Promise<Worker> {
  registerHooks({
    resolve: (specifier, context, next) =>
      specifier === 'cloudflare:workers' ? { url: stub, shortCircuit: true } : next(specifier, context),
  });
  Object.assign(globalThis, { WebSocketRequestResponsePair: class {} });
  makeCryptoPrompt();
  return (await import(new URL('../../worker/index.ts', import.meta.url).href)) as Worker;
}

type Bytes = ArrayBuffer | ArrayBufferView;

/** Node's does its work in other threads, and nobody could say when all is quiet. */
function makeCryptoPrompt(): void {
  const { subtle } = crypto;
  const prefix = Buffer.from('302a300506032b6570032100', 'hex');
  const bytesOf = (data: Bytes) =>
    data instanceof ArrayBuffer ? Buffer.from(data) : Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  const keys = new Map<string, ReturnType<typeof createPublicKey>>();
  const keyOf = (raw: Buffer) => createPublicKey({ key: Buffer.concat([prefix, raw]), format: 'der', type: 'spki' });
  Object.defineProperties(subtle, {
    digest: {
      value: async (_: string, data: Bytes) => {
        const hash = createHash('sha256').update(bytesOf(data)).digest();
        return hash.buffer.slice(hash.byteOffset, hash.byteOffset + hash.length);
      },
    },
    importKey: {
      value: async (_: string, raw: Bytes) => {
        const name = bytesOf(raw).toString('hex');
        const key = keys.get(name) ?? keyOf(bytesOf(raw));
        keys.set(name, key);
        return key;
      },
    },
    verify: {
      value: async (_: string, key: ReturnType<typeof createPublicKey>, signature: Bytes, data: Bytes) =>
        verify(null, bytesOf(data), key, bytesOf(signature)),
    },
    timingSafeEqual: {
      value: (one: ArrayBuffer, other: ArrayBuffer) => Buffer.from(one).equals(Buffer.from(other)),
    },
  });
}

const worker = await loadWorker();

interface Look {
  readonly enforcement: { readonly former: readonly unknown[] };
  readonly recovery: { readonly due: boolean };
}

/** The operator's own networks, and how the fleet counts. */
export const settings = { allowed: '198.51.100.0/24', fleet_maxretry: 4, fleet_bantime: 5000 } as const;
export const fleet_findtime_s = 600;

export class SimulatedEdge {
  readonly fake: FakeCloudflare;
  kv = new FakeKv();
  sql: Sql;
  mode: Mode;
  /** What the var ALLOW has with the next restart. */
  allow: readonly string[] = [settings.allowed];
  /** Does the Worker answer, and do its alarms ring? */
  isUp = true;
  /** What it logged as its own faults. */
  readonly faults: string[] = [];
  readonly #clock: Clock;
  /** Modes of before, of which the Worker may not have taken everything away yet. */
  readonly #left = new Set<Mode>();
  #life: Life = { dead: false };
  #ledger: Ledger | null = null;
  #alarmAt: number | null = null;
  #cancel: () => void = () => undefined;
  #dying: 'before' | 'after' | null = null;
  readonly #undo: () => void;

  constructor(clock: Clock, mode: Mode) {
    this.#clock = clock;
    this.mode = mode;
    this.sql = openSqlite(':memory:');
    const options = {
      account,
      zones: zones.map((id, index) => ({ id, name: `zone${index}.example` })),
      tokens: [{ name: 'worker', secret }],
      limits: { lists_max: 3 },
    };
    this.fake = createFakeCloudflare({ options, file: null, now: () => clock.now * 1000 });
    this.#undo = this.#replace();
    this.restart();
  }

  /** A new Worker over the same storage, as after an eviction, kill -9 or a deployment with another mode. */
  restart(mode = this.mode): void {
    if (mode !== this.mode) this.#left.add(this.mode);
    this.#left.delete(mode);
    this.mode = mode;
    this.#life.dead = true;
    this.#life = { dead: false };
    this.#cancel();
    const life = this.#life;
    this.#ledger = within(life, () => new worker.Ledger(this.#state(life), this.#env));
    this.#arm();
  }

  /** The ledger's storage is gone. */
  lose(): void {
    this.sql = openSqlite(':memory:');
    this.#alarmAt = null;
    this.restart();
  }

  setUp(isUp: boolean): void {
    this.isUp = isUp;
    if (isUp) this.restart();
    else {
      this.#life.dead = true;
      this.#cancel();
    }
  }

  /** A request from outside. Throws where nobody answers. */
  async ask(path: string, init: RequestInit): Promise<Response> {
    if (!this.isUp) throw new TypeError('nobody answers');
    const context = { waitUntil: () => undefined, passThroughOnException: () => undefined };
    const request = new Request(`https://${hostname}${path}`, init);
    return await within(this.#life, () => worker.default.fetch(request, this.#env, context));
  }

  /** As the operator. Throws what is refused. */
  async order<T>(method: string, path: string, body?: unknown): Promise<T> {
    const headers = { authorization: `Bearer ${operatorToken}`, 'content-type': 'application/json' };
    const answer = await this.ask(path, {
      method,
      headers,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`);
    return JSON.parse(text) as T;
  }

  /** The Worker dies in its next call to Cloudflare, before or after that is carried out, and is started anew. */
  dieAtCall(when: 'before' | 'after' | null): void {
    this.#dying = when;
  }

  /** As the operator, whatever comes of it; one who is refused or gets no answer goes home. */
  async tryOrder(method: string, path: string, body?: unknown): Promise<void> {
    await this.order(method, path, body).catch(() => undefined);
  }

  /** Is the host enrolled, and not revoked? */
  async knows(id: string | null): Promise<boolean> {
    const { hosts } = await this.order<{ hosts: { id: string; revoked_at: number | null }[] }>('GET', '/v1/hosts');
    return hosts.some((host) => host.id === id && host.revoked_at === null);
  }

  /** As setup looks after a change of mode: of what the Worker has taken away the next deployment is not told. */
  async lookAtFormer(): Promise<void> {
    if (!this.isUp) return;
    const { enforcement, recovery } = await this.order<Look>('GET', '/v1/status');
    if (enforcement.former.length === 0 && !recovery.due) this.#left.clear();
  }

  /** All that has come of a host's word: its holders, its place in its stream, the fleet's counts. */
  toldBy(host: string): string {
    const holders = this.sql.all('SELECT address, jail, at, until, lifted, cursor FROM holders WHERE host = ?', host);
    const streams = this.sql.all('SELECT streams FROM hosts WHERE id = ?', host);
    const counters = this.sql.all('SELECT * FROM counters');
    return JSON.stringify([holders, streams, counters]);
  }

  close(): void {
    this.#life.dead = true;
    this.#undo();
  }

  get #env(): Readonly<Record<string, unknown>> {
    return {
      ...varsOf[this.mode],
      ...formerVars(this.#left),
      CLOUDFLARE_API_BASE: 'https://api.invalid/client/v4',
      CLOUDFLARE_ACCOUNT_ID: account,
      CLOUDFLARE_ZONE_IDS: zones.join(','),
      CLOUDFLARE_API_TOKEN: secret,
      OPERATOR_TOKEN: operatorToken,
      ALLOW: this.allow.join(' '),
      FLEET_MAXRETRY: String(settings.fleet_maxretry),
      FLEET_FINDTIME: String(fleet_findtime_s),
      FLEET_BANTIME: String(settings.fleet_bantime),
      BANS: this.kv,
      LEDGER: { getByName: () => this.#ledger },
    };
  }

  #state(life: Life): unknown {
    const { sql } = this;
    const alive = () => {
      if (life.dead) throw new Error('this ledger is dead');
    };
    const storage = {
      sql: {
        exec: (query: string, ...values: SqlValue[]) => {
          alive();
          if (values.length === 0 && /;\s*\S/.test(query)) return sql.script(query);
          const rows = sql.all(query, ...values);
          return { toArray: () => rows };
        },
      },
      transactionSync: <T>(body: () => T) => {
        alive();
        return sql.transaction(body);
      },
      getAlarm: async () => this.#alarmAt,
      setAlarm: async (at_ms: number) => {
        if (life.dead) return;
        this.#alarmAt = at_ms;
        this.#arm();
      },
    };
    return {
      storage,
      blockConcurrencyWhile: (body: () => Promise<unknown>) => body(),
      setWebSocketAutoResponse: () => undefined,
      getWebSockets: () => [],
    };
  }

  #arm(): void {
    this.#cancel();
    if (this.#alarmAt === null || !this.isUp) return;
    const life = this.#life;
    this.#cancel = within(life, () => this.#clock.at(this.#alarmAt ?? 0, () => this.#ring()));
  }

  #ring(): void {
    this.#alarmAt = null;
    void this.#ledger?.alarm();
  }

  async #call(url: string, init: RequestInit): Promise<Response> {
    const dying = this.#dying;
    this.#dying = null;
    if (dying === 'before') this.#die();
    const answer = await this.fake.fetch(url, init);
    if (dying === 'after') this.#die();
    return answer;
  }

  #die(): never {
    this.restart();
    throw new Error('this ledger is dead');
  }

  /** Cloudflare answers here, and what the Worker logs is listened to. */
  #replace(): () => void {
    const { fetch } = globalThis;
    const { log } = console;
    globalThis.fetch = (url, init = {}) => this.#call(String(url), init);
    console.log = (line: unknown, ...more: unknown[]) => {
      if (typeof line !== 'string' || !line.startsWith('{"code":')) log(line, ...more);
      else if (line.includes('"ERR_INTERNAL"') && !line.includes('this ledger is dead')) this.faults.push(line);
    };
    return () => {
      globalThis.fetch = fetch;
      console.log = log;
    };
  }
}
