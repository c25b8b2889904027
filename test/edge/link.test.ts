import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { enroll } from '../../host-agent/edge/enroll.ts';
import { EdgeLink } from '../../host-agent/edge/link.ts';
import type { LiveFeedLimits } from '../../host-agent/edge/live-feed.ts';
import { type EdgeFiles, edgeFiles, readSettings, workerOrigin } from '../../host-agent/edge/settings.ts';
import type { BackoffLimits } from '../../host-agent/edge/standing.ts';
import { realWorld } from '../../host-agent/edge/world.ts';
import type { FeedChange } from '../../shared/wire.ts';
import {
  banEvent,
  type FakeEvents,
  type FakeOutbox,
  type FakeSink,
  type FakeWorld,
  fakeEvents,
  fakeOutbox,
  fakeSink,
  fakeWorld,
} from './fake-host.ts';
import { type FakeWorker, ledger, problem, sendText, startFakeWorker } from './fake-worker.ts';

const token = 'abcdefghijklmnopqrstuvwx';
let dir: string;
let files: EdgeFiles;
let worker: FakeWorker;
let outbox: FakeOutbox;
let sink: FakeSink;
let events: FakeEvents;
let world: FakeWorld;
let link: EdgeLink | null = null;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'edgeban-edge-'));
  files = edgeFiles(join(dir, 'edgeban.sqlite3'));
  worker = await startFakeWorker();
  outbox = fakeOutbox();
  sink = fakeSink();
  events = fakeEvents();
  world = fakeWorld();
});

afterEach(async () => {
  await link?.stop();
  link = null;
  await worker.close();
  rmSync(dir, { recursive: true, force: true });
});

async function connected(limits: Partial<BackoffLimits & LiveFeedLimits> = {}): Promise<EdgeLink> {
  const settings = await enroll({ files, url: worker.url, token, name: 'web1', world });
  link = new EdgeLink({ settings, outbox, sink, events, world, limits });
  link.start();
  return link;
}

function change(address: string): Omit<FeedChange, 'cursor'> {
  return { address, host: 'h2', jail: 'sshd', at: 1, until: null, lifted: false };
}

const addresses = (count: number) => Array.from({ length: count }, (_, at) => `198.51.100.${at + 1}`);
const soon = { timeout: 8000, interval: 5 };
const takenIn = () => [...worker.taken.values()].map((event) => (event as { address: string }).address);

describe('enrolment', () => {
  test('makes a private key and settings, and keeps the key for a second try', async () => {
    const settings = await enroll({ files, url: `${worker.url}/`, token, name: 'web1', world });
    expect(settings).toEqual({ url: worker.url, host: 'h1', ledger, key: files.key });
    expect(readSettings(files.settings)).toEqual(settings);
    expect(statSync(files.key).mode & 0o777).toBe(0o600);
    expect(statSync(files.settings).mode & 0o777).toBe(0o600);
    expect(readFileSync(files.settings, 'utf8')).not.toContain(token);
    const pem = readFileSync(files.key, 'utf8');
    expect(pem).toContain('BEGIN PRIVATE KEY');
    await enroll({ files, url: worker.url, token, name: 'web1', world });
    expect(readFileSync(files.key, 'utf8')).toBe(pem);
  });

  test('a used token is told as such, without the token', async () => {
    const used = `used-${token}`;
    const error: unknown = await enroll({ files, url: worker.url, token: used, name: 'web1', world }).catch(
      (thrown: unknown) => thrown,
    );
    expect(error).toMatchObject({
      code: 'ERR_EDGE_REFUSED',
      problem: 'ERR_ENROLL_TOKEN',
      remedy: expect.stringContaining('new token'),
    });
    expect(String(error)).not.toContain(used);
    expect(readSettings(files.settings)).toBeNull();
  });

  test('a key that others may read, or that is none, is refused', async () => {
    const settings = await enroll({ files, url: worker.url, token, name: 'web1', world });
    const open = () => new EdgeLink({ settings, outbox, sink, events, world });
    chmodSync(files.key, 0o640);
    expect(open).toThrow('others than its owner may read the key');
    chmodSync(files.key, 0o600);
    writeFileSync(files.key, 'no key, but secret');
    expect(open).toThrow('this is not a private key in PEM');
    rmSync(files.key);
    expect(open).toThrow('the key cannot be read');
  });

  test.each([
    'http://example.com',
    'ftp://10.0.0.1',
    'https://example.com/x',
    'https://u:p@example.com',
    'nonsense',
    'http://8.8.8.8',
  ])('%s is no address of a Worker', (url) => {
    expect(() => workerOrigin(url)).toThrow(expect.objectContaining({ code: 'ERR_EDGE_URL' }));
  });

  test.each([
    'https://example.com',
    'http://127.0.0.1:8787',
    'http://[::1]:8787',
    'http://198.51.100.1:8787',
    'http://localhost:1',
  ])('%s is one', (url) => {
    expect(workerOrigin(url)).toBe(url);
  });

  test('a password in a wrong address is not repeated', () => {
    expect(() => workerOrigin('https://u:hunter2@example.com')).toThrow(expect.not.stringContaining('hunter2'));
  });

  test('settings that were tampered with are refused with their place', async () => {
    await enroll({ files, url: worker.url, token, name: 'web1', world });
    writeFileSync(files.settings, '{"url": 1}');
    expect(() => readSettings(files.settings)).toThrow(
      expect.objectContaining({ code: 'ERR_EDGE_SETTINGS', file: files.settings }),
    );
  });
});

describe('events', () => {
  test('go out in order, signed, one batch at a time, and leave the outbox', async () => {
    outbox.add(...addresses(250).map(banEvent));
    const running = await connected();
    await vi.waitFor(() => expect(outbox.size).toBe(0), soon);
    expect(worker.batches.map((batch) => [batch.first, batch.events.length])).toEqual([
      [1, 200],
      [201, 50],
    ]);
    outbox.add(banEvent('192.0.2.1'));
    running.wake();
    await vi.waitFor(() => expect(takenIn().at(-1)).toBe('192.0.2.1'), soon);
    expect(takenIn()).toEqual([...addresses(250), '192.0.2.1']);
    expect(worker.lies).toEqual([]);
    expect(running.report()).toMatchObject({ waiting: 0, trouble: null, host: 'h1' });
  });

  test('a body never grows beyond its limit', async () => {
    const long = { ...banEvent('192.0.2.1'), jail: 'x'.repeat(64), padding: 'y'.repeat(3000) };
    outbox.add(...Array.from({ length: 60 }, () => long));
    await connected();
    await vi.waitFor(() => expect(outbox.size).toBe(0), soon);
    expect(worker.batches.length).toBeGreaterThan(2);
    expect(worker.taken.size).toBe(60);
  });

  test('cuts, also after the Worker has taken a batch in, lose nothing and double nothing', async () => {
    worker.weather.events.push('cut', 'cut-after', problem(503, 'ERR_INTERNAL'), 'cut-after', null);
    outbox.add(...addresses(3).map(banEvent));
    await connected();
    await vi.waitFor(() => expect(outbox.size).toBe(0), soon);
    expect(takenIn()).toEqual(addresses(3));
    expect(worker.lies).toEqual([]);
  });

  test('waits grow, are capped, and trouble of one kind is told once', async () => {
    worker.weather.live.push(...Array<'cut'>(50).fill('cut'));
    worker.weather.events.push(...Array<'cut'>(8).fill('cut'));
    outbox.add(banEvent('192.0.2.1'));
    // the feed must not add to the waits
    worker.weather.feed.push('stall');
    await connected({ wait_seconds_max: 20 });
    await vi.waitFor(() => expect(outbox.size).toBe(0), soon);
    expect(world.waits.slice(0, 8)).toEqual([0.75, 1.5, 3, 6, 12, 15, 15, 15]);
    const told = events.log.filter((line) => line.startsWith('events'));
    expect(told).toEqual([expect.stringContaining('cannot be reached'), 'events up']);
  });

  test('429 waits as long as the Worker asks', async () => {
    worker.weather.live.push(...Array<'cut'>(50).fill('cut'));
    worker.weather.feed.push('stall');
    worker.weather.events.push(problem(429, 'ERR_CAP_EVENTS', { retry_after: 33 }), {
      ...problem(429, 'ERR_CAP_EVENTS'),
      headers: { 'retry-after': '44' },
    });
    worker.weather.events.push(problem(429, 'ERR_CAP_EVENTS', { retry_after: 1e6 }));
    outbox.add(banEvent('192.0.2.1'));
    await connected();
    await vi.waitFor(() => expect(outbox.size).toBe(0), soon);
    expect(world.waits.slice(0, 3)).toEqual([33, 44, 900]);
  });

  test.each([
    [401, 'ERR_AUTH_HOST', 'enrol this host again'],
    [403, 'ERR_AUTH_REVOKED', 'revoked'],
  ])('%i %s: slow retries, said once with a remedy', async (status, code, remedy) => {
    worker.weather.live.push(...Array<'cut'>(50).fill('cut'));
    worker.weather.feed.push('stall');
    worker.weather.events.push(problem(status, code), problem(status, code), problem(status, code));
    outbox.add(banEvent('192.0.2.1'));
    await connected();
    await vi.waitFor(() => expect(outbox.size).toBe(0), soon);
    expect(world.waits.slice(0, 3)).toEqual([225, 225, 225]);
    expect(events.log.filter((line) => line.includes('events lasting'))).toEqual([
      `events lasting the Worker answered ${status}: because ${code} [${code}]`,
    ]);
    expect(remedy).not.toBe('');
  });

  test('refused events are told once each, also if the receipt got lost', async () => {
    worker.refuse = (event) => JSON.stringify(event).includes('198.51.100.2"');
    worker.weather.events.push('cut-after');
    outbox.add(...addresses(3).map(banEvent));
    const running = await connected();
    await vi.waitFor(() => expect(outbox.size).toBe(0), soon);
    outbox.add(banEvent('192.0.2.9'));
    running.wake();
    await vi.waitFor(() => expect(worker.taken.size).toBe(3), soon);
    expect(events.refusals).toEqual([{ seq: 2, code: 'ERR_GUARD_CLOUDFLARE', message: 'never' }]);
  });

  test('409: a Worker that is ahead is believed', async () => {
    worker.weather.events.push(problem(409, 'ERR_EVENTS_GAP', { expected: 3 }));
    worker.acked = 2;
    outbox.add(...addresses(4).map(banEvent));
    await connected();
    await vi.waitFor(() => expect(outbox.size).toBe(0), soon);
    expect([...worker.taken.keys()]).toEqual([3, 4]);
    expect(outbox.resyncs.count).toBe(0);
  });

  test('409: a Worker that has lost what we no longer have is told all anew', async () => {
    outbox = fakeOutbox(50);
    outbox.add(banEvent('192.0.2.1'));
    await connected();
    await vi.waitFor(() => expect(outbox.size).toBe(0), soon);
    expect(outbox.resyncs.count).toBe(1);
    expect(takenIn()).toEqual(['192.0.2.201', '192.0.2.202']);
  });

  test('what found no room is told anew as soon as there is room', async () => {
    outbox.add(banEvent('192.0.2.1'));
    outbox.lost = true;
    worker.refuse = () => false;
    await connected();
    await vi.waitFor(() => expect(outbox.resyncs.count).toBe(1), soon);
    await vi.waitFor(() => expect(outbox.size).toBe(0), soon);
    expect(takenIn().at(-1)).toBe('192.0.2.202');
  });

  test('one event that makes the Worker refuse a whole batch is given up alone', async () => {
    const bad = problem(400, 'ERR_REQUEST_INVALID');
    worker.weather.events.push(bad, null, bad, null);
    outbox.add(...addresses(3).map(banEvent));
    await connected();
    // the Worker numbers what it takes in, and has not seen event 2
    worker.acked = 0;
    await vi.waitFor(() => expect(events.refusals).toHaveLength(1), soon);
    expect(events.refusals[0]).toMatchObject({ seq: 2, code: 'ERR_REQUEST_INVALID' });
  });

  test('a page of a proxy is no reason to give an event up', async () => {
    worker.weather.events.push(
      { status: 400, body: '<html>' },
      { status: 200, body: '<html>' },
      { status: 200, body: { acked: 1e9 } },
    );
    worker.weather.events.push({
      status: 200,
      body: { stream: '0198c0de-0000-7000-8000-00000000000a', acked: 0, refused: [] },
    });
    outbox.add(banEvent('192.0.2.1'));
    await connected();
    await vi.waitFor(() => expect(outbox.size).toBe(0), soon);
    expect(takenIn()).toEqual(['192.0.2.1']);
    expect(events.refusals).toEqual([]);
  });

  test('a receipt cannot make us forget what was not sent', async () => {
    worker.weather.events.push({
      status: 200,
      body: { stream: '0198c0de-0000-7000-8000-00000000000a', acked: 1e9, refused: [] },
    });
    outbox.add(...addresses(201).map(banEvent));
    worker.acked = 200;
    await connected();
    await vi.waitFor(() => expect(outbox.size).toBe(0), soon);
    expect([...worker.taken.keys()]).toEqual([201]);
  });

  test('an answer without end is cut off', async () => {
    worker.weather.events.push({ status: 200, body: `"${'x'.repeat(3_000_000)}"` });
    outbox.add(banEvent('192.0.2.1'));
    await connected();
    await vi.waitFor(() => expect(outbox.size).toBe(0), soon);
    expect(events.log[0]).toBeDefined();
    expect(events.log.join()).toContain('longer than 1048576 bytes');
  });

  test('stop does not wait for a Worker that stalls', async () => {
    worker.weather.events.push('stall');
    outbox.add(banEvent('192.0.2.1'));
    const running = await connected();
    await vi.waitFor(() => expect(worker.requests.some(({ path }) => path === '/v1/events')).toBe(true), soon);
    const before = performance.now();
    await running.stop();
    expect(performance.now() - before).toBeLessThan(2000);
    expect(outbox.size).toBe(1);
  });
});

describe('the feed', () => {
  test('is caught up with and then live', async () => {
    for (const address of addresses(5)) worker.changes.push({ ...change(address), cursor: worker.changes.length + 1 });
    const running = await connected();
    await vi.waitFor(() => expect(running.report().feed).toBe('live'), soon);
    await vi.waitFor(() => expect(sink.heard).toEqual(addresses(5)), soon);
    worker.tell(change('192.0.2.77'));
    await vi.waitFor(() => expect(sink.heard.at(-1)).toBe('192.0.2.77'), soon);
    expect(worker.lies).toEqual([]);
    expect(worker.requests.filter(({ path }) => path.startsWith('/v1/feed')).map(({ method }) => method)).toEqual([
      'UPGRADE',
    ]);
  });

  test('goes on from its cursor after a cut, and misses nothing that came meanwhile', async () => {
    await connected();
    await vi.waitFor(() => expect(worker.sockets.size).toBe(1), soon);
    worker.weather.live.push('cut', 'cut');
    worker.weather.feed.push('cut');
    worker.cutAll();
    for (const address of addresses(5)) worker.changes.push({ ...change(address), cursor: worker.changes.length + 1 });
    await vi.waitFor(() => expect(sink.heard).toEqual(addresses(5)), soon);
    await vi.waitFor(() => expect(worker.sockets.size).toBe(1), soon);
    worker.tell(change('192.0.2.77'));
    await vi.waitFor(() => expect(sink.heard).toEqual([...addresses(5), '192.0.2.77']), soon);
    expect(sink.pages.filter((page) => page.reset)).toHaveLength(1);
  });

  test('is polled where WebSockets do not work', async () => {
    worker.weather.live.push(...Array<'cut'>(1000).fill('cut'));
    const running = await connected();
    await vi.waitFor(() => expect(running.report().feed).toBe('polling'), soon);
    for (const address of addresses(5)) worker.changes.push({ ...change(address), cursor: worker.changes.length + 1 });
    await vi.waitFor(() => expect(sink.heard).toEqual(addresses(5)), soon);
    expect(events.log).toContain('feed up');
    expect(events.log.filter((line) => line.startsWith('feed'))).toEqual(['feed up']);
  });

  test('a connection that is only half there is noticed, and replaced', async () => {
    const running = await connected({ ping_seconds: 0.02, silence_seconds_max: 0.1 });
    await vi.waitFor(() => expect(running.report().feed).toBe('live'), soon);
    const [first] = worker.sockets;
    await new Promise((done) => setTimeout(done, 300));
    expect([...worker.sockets]).toEqual([first]);
    worker.pongs = false;
    await vi.waitFor(() => expect([...worker.sockets].some((socket) => socket !== first)).toBe(true), soon);
    worker.pongs = true;
    await vi.waitFor(() => expect(worker.sockets.has(first ?? process.stdin)).toBe(false), soon);
  });

  test('a handshake that never ends is given up', async () => {
    worker.weather.live.push('stall');
    const running = await connected({ handshake_seconds_max: 0.1, ping_seconds: 0.05 });
    await vi.waitFor(() => expect(running.report().feed).toBe('live'), soon);
  });

  test.each([
    ['not JSON', '{'],
    ['another shape', '{"ledger":"x"}'],
    ['too large', `"${'x'.repeat(2_000_000)}"`],
  ])('a message that is %s ends the connection, and the feed goes on', async (_what, text) => {
    await connected();
    await vi.waitFor(() => expect(worker.sockets.size).toBe(1), soon);
    const [socket] = worker.sockets;
    if (socket !== undefined) sendText(socket, text);
    await vi.waitFor(() => expect(worker.sockets.has(socket ?? process.stdin)).toBe(false), soon);
    worker.changes.push({ ...change('192.0.2.77'), cursor: worker.changes.length + 1 });
    await vi.waitFor(() => expect(sink.heard).toEqual(['192.0.2.77']), soon);
  });

  test('a second daemon with the same key is noticed', async () => {
    await connected();
    await vi.waitFor(() => expect(worker.sockets.size).toBe(1), soon);
    for (const socket of worker.sockets) socket.end(Buffer.from([0x88, 2, 4000 >> 8, 4000 & 255]));
    await vi.waitFor(() => expect(events.log.join()).toContain('another daemon with the key of this host'), soon);
    await vi.waitFor(() => expect(events.log.at(-1)).toBe('feed up'), soon);
  });

  test('a page that cannot be stored is asked for again', async () => {
    sink.fail = true;
    worker.changes.push({ ...change('192.0.2.77'), cursor: 1 });
    await connected();
    await vi.waitFor(() => expect(events.log).toContain('feed the database is locked'), soon);
    sink.fail = false;
    await vi.waitFor(() => expect(sink.heard).toEqual(['192.0.2.77']), soon);
  });

  test('a Worker that is revoked on us says so once', async () => {
    worker.weather.live.push(...Array<'cut'>(5).fill('cut'));
    worker.weather.feed.push(...Array(4).fill(problem(403, 'ERR_AUTH_REVOKED')));
    await connected({ lasting_seconds: 2 });
    await vi.waitFor(() => expect(events.log).toContain('feed up'), soon);
    expect(events.log.filter((line) => line.startsWith('feed'))).toEqual([
      'feed lasting the Worker answered 403: because ERR_AUTH_REVOKED [ERR_AUTH_REVOKED]',
      'feed up',
    ]);
  });

  test('a feed that says there is more and gives nothing does not spin', async () => {
    worker.weather.live.push(...Array<'cut'>(5).fill('cut'));
    worker.weather.feed.push({ status: 200, body: { ledger, cursor: 0, reset: false, more: true, changes: [] } });
    await connected();
    await vi.waitFor(() => expect(events.log.join()).toContain('an empty page with more behind it'), soon);
  });
});

test('the real clock sleeps, and wakes when it is told to stop', async () => {
  const before = performance.now();
  await realWorld.sleep(0.01, new AbortController().signal);
  expect(performance.now() - before).toBeGreaterThan(5);
  const stop = new AbortController();
  const slept = realWorld.sleep(60, stop.signal);
  stop.abort();
  await slept;
  expect(performance.now() - before).toBeLessThan(5000);
});
