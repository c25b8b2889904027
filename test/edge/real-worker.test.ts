/** Two hosts with the real store against the real Worker, with a kill in between. */
import { randomUUID } from 'node:crypto';
import diagnostics from 'node:diagnostics_channel';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest';
import { enroll } from '../../host-agent/edge/enroll.ts';
import { edgeFiles } from '../../host-agent/edge/files.ts';
import { EdgeLink } from '../../host-agent/edge/link.ts';
import type { EventOutbox, FeedSink } from '../../host-agent/edge/ports.ts';
import { realWorld } from '../../host-agent/edge/world.ts';
import { openSqlite } from '../../host-agent/system/sqlite.ts';
import { Heard } from '../../shared/store/feed.ts';
import { Holders } from '../../shared/store/holders.ts';
import { Outbox } from '../../shared/store/outbox.ts';
import { migrate, storeMigrations } from '../../shared/store/schema.ts';
import type { FeedPage, ToldEvent } from '../../shared/wire.ts';
import { soon } from '../world/wait.ts';
import { type FakeEvents, fakeEvents } from './fake-host.ts';
import { makeRealWorker, type RealWorker } from './real-worker.ts';

let dir: string;
let worker: RealWorker;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'edgeban-real-'));
  worker = await makeRealWorker(dir);
  await worker.start();
});

afterAll(async () => {
  await worker.kill();
  rmSync(dir, { recursive: true, force: true });
});

interface Host {
  readonly link: EdgeLink;
  readonly events: FakeEvents;
  readonly waiting: () => number;
  say(event: ToldEvent): void;
  /** What other hosts hold, as `address jail`. */
  heard(): string[];
}

/** A host with the real store, in memory. */
async function host(name: string): Promise<Host> {
  const sql = openSqlite(':memory:');
  migrate(sql, 'store', storeMigrations);
  const stored = new Outbox(sql, randomUUID);
  const heard = new Heard(sql, new Holders(sql));
  const outbox: EventOutbox = {
    get size() {
      return stored.size;
    },
    get lost() {
      return stored.lost;
    },
    peek: (limit) => stored.peek(limit),
    ack: (stream, seq) => sql.transaction(() => stored.ack(stream, seq)),
    resync: () => sql.transaction(() => stored.restart()),
  };
  const sink: FeedSink = {
    next: () => ({ ledger: heard.ledger(), ...heard.next() }),
    take: ({ ledger, ...page }: FeedPage) => void sql.transaction(() => heard.take(ledger, page)),
  };
  const opened = (await worker.operator('POST', '/v1/enroll-tokens')) as { token: string };
  const files = edgeFiles(join(dir, name, 'edgeban.sqlite3'));
  const settings = await enroll({ files, url: worker.url, token: opened.token, name, world: realWorld });
  const events = fakeEvents();
  const limits = { wait_seconds_min: 0.1, wait_seconds_max: 1, ping_seconds: 0.2, silence_seconds_max: 20 };
  const link = new EdgeLink({ settings, outbox, sink, events, world: realWorld, limits });
  link.start();
  return {
    link,
    events,
    waiting: () => stored.size,
    say: (event) => {
      sql.transaction(() => stored.append(`${event.address} ${event.jail}`, JSON.stringify(event)));
      link.wake();
    },
    heard: () =>
      sql
        .all('SELECT address, jail FROM holders WHERE lifted = 0 ORDER BY address')
        .map((row) => `${row['address']} ${row['jail']}`),
  };
}

/** workerd's, by connection, from now on. */
function countPongs(): Map<unknown, number> {
  const counts = new Map<unknown, number>();
  const count = (message: unknown) => {
    const of = typeof message === 'object' && message !== null && 'websocket' in message ? message.websocket : null;
    counts.set(of, (counts.get(of) ?? 0) + 1);
  };
  diagnostics.subscribe('undici:websocket:pong', count);
  onTestFinished(() => void diagnostics.unsubscribe('undici:websocket:pong', count));
  return counts;
}

const now = Math.floor(Date.now() / 1000);
const ban = (address: string): ToldEvent => ({
  kind: 'ban',
  jail: 'sshd',
  address,
  at: now,
  until: now + 3600,
  failures: 5,
  count: 1,
});

test('two hosts and the real Worker: bans, refusals, a kill, an unban', { timeout: 300_000 }, async () => {
  const a = await host('a');
  const b = await host('b');
  try {
    await vi.waitFor(() => expect([a.link.report().feed, b.link.report().feed]).toEqual(['live', 'live']), soon);
    a.say(ban('203.0.113.1'));
    a.say(ban('1.1.1.1/0'));
    a.say(ban('2001:db8:bad::7'));
    await vi.waitFor(() => expect(b.heard()).toEqual(['2001:db8:bad::7 sshd', '203.0.113.1 sshd']), soon);
    await vi.waitFor(() => expect(a.events.refusals.map(({ seq }) => seq)).toEqual([2]), soon);
    // what keeps a connection on which nothing is said
    const pongs = countPongs();
    await vi.waitFor(() => expect([...pongs.values()].filter((count) => count >= 10)).toHaveLength(2), soon);
    expect(b.events.log).toEqual(['feed up']);

    await worker.kill();
    a.say(ban('203.0.113.2'));
    await vi.waitFor(() => expect(b.link.report().feed).toBe('down'), soon);
    await worker.start();
    await vi.waitFor(() => expect(b.heard()).toContain('203.0.113.2 sshd'), soon);
    await vi.waitFor(() => expect([a.link.report().feed, b.link.report().feed]).toEqual(['live', 'live']), soon);

    const told = {
      ledger: { action: 'block', holders: [{ name: 'a', jail: 'sshd' }] },
      kv: { ban: { action: 'block' } },
    };
    await vi.waitFor(async () => expect(await b.link.explain('203.0.113.2')).toMatchObject(told), soon);
    expect(await b.link.explain('198.51.100.1')).toMatchObject({
      ledger: null,
      kv: { ban: null },
      cloudflare: { asked: false },
    });

    a.say({ kind: 'unban', jail: 'sshd', address: '203.0.113.1', at: now + 1 });
    await vi.waitFor(() => expect(b.heard()).toEqual(['2001:db8:bad::7 sshd', '203.0.113.2 sshd']), soon);
    // b may hear it before a has its receipt
    await vi.waitFor(() => expect(a.waiting()).toBe(0), soon);
    expect(a.link.report()).toMatchObject({ trouble: null, waiting: 0 });
  } finally {
    await Promise.all([a.link.stop(), b.link.stop()]);
  }
});
