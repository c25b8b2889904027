/** The feed from a Worker: live, caught up with, polled, reset. */
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import type { FeedChange } from '../../shared/wire.ts';
import { soon } from '../world/wait.ts';
import { addresses, useBench } from './fake-link.ts';
import { ledger, problem, sendText } from './fake-worker.ts';

const bench = useBench();

function change(address: string): Omit<FeedChange, 'cursor'> {
  return { address, host: 'h2', jail: 'sshd', at: 1, until: null, lifted: false };
}

describe('the feed', () => {
  test('is caught up with and then live', async () => {
    const { worker, sink, connected } = bench();
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
    const { worker, sink, connected } = bench();
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
    const { worker, sink, events, connected } = bench();
    worker.weather.live.push(...Array<'cut'>(1000).fill('cut'));
    const running = await connected();
    await vi.waitFor(() => expect(running.report().feed).toBe('polling'), soon);
    for (const address of addresses(5)) worker.changes.push({ ...change(address), cursor: worker.changes.length + 1 });
    await vi.waitFor(() => expect(sink.heard).toEqual(addresses(5)), soon);
    expect(events.log).toContain('feed up');
    expect(events.log.filter((line) => line.startsWith('feed'))).toEqual(['feed up']);
  });

  test('a connection that is only half there is noticed, and replaced', async () => {
    // a clock that goes on with each look, so that a busy machine is not taken for a silent Worker
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval', 'performance'] });
    onTestFinished(() => void vi.useRealTimers());
    const { worker, connected } = bench();
    const running = await connected({ ping_seconds: 0.02, silence_seconds_max: 0.1 });
    await vi.waitFor(() => expect(running.report().feed).toBe('live'), soon);
    const [first] = worker.sockets;
    const later_ms = performance.now() + 300;
    await vi.waitFor(() => expect(performance.now()).toBeGreaterThan(later_ms), soon);
    expect([...worker.sockets]).toEqual([first]);
    worker.pongs = false;
    await vi.waitFor(() => expect([...worker.sockets].some((socket) => socket !== first)).toBe(true), soon);
    worker.pongs = true;
    await vi.waitFor(() => expect(worker.sockets.has(first ?? process.stdin)).toBe(false), soon);
  });

  test('a handshake that never ends is given up', async () => {
    const { worker, connected } = bench();
    worker.weather.live.push('stall');
    const running = await connected({ handshake_seconds_max: 0.1, ping_seconds: 0.05 });
    await vi.waitFor(() => expect(running.report().feed).toBe('live'), soon);
  });

  test.each([
    ['not JSON', '{'],
    ['another shape', '{"ledger":"x"}'],
    ['too large', `"${'x'.repeat(2_000_000)}"`],
  ])('a message that is %s ends the connection, and the feed goes on', async (_what, text) => {
    const { worker, sink, connected } = bench();
    await connected();
    await vi.waitFor(() => expect(worker.sockets.size).toBe(1), soon);
    const [socket] = worker.sockets;
    if (socket !== undefined) sendText(socket, text);
    await vi.waitFor(() => expect(worker.sockets.has(socket ?? process.stdin)).toBe(false), soon);
    // told, not only noted: the next connection may stand already
    worker.tell(change('192.0.2.77'));
    await vi.waitFor(() => expect(sink.heard).toEqual(['192.0.2.77']), soon);
  });

  test.each([
    ['ends the connection', 'end'],
    ['leaves the connection open', 'write'],
  ] as const)('a second daemon with the same key is noticed, if the Worker says so and %s', async (_what, tell) => {
    const { worker, events, connected } = bench();
    await connected();
    await vi.waitFor(() => expect(worker.sockets.size).toBe(1), soon);
    for (const socket of worker.sockets) socket[tell](Buffer.from([0x88, 2, 4000 >> 8, 4000 & 255]));
    await vi.waitFor(() => expect(events.log.join()).toContain('another daemon with the key of this host'), soon);
    await vi.waitFor(() => expect(events.log.at(-1)).toBe('feed up'), soon);
  });

  test('a page that cannot be stored is asked for again', async () => {
    const { worker, sink, events, connected } = bench();
    sink.fail = true;
    worker.changes.push({ ...change('192.0.2.77'), cursor: 1 });
    await connected();
    await vi.waitFor(() => expect(events.log).toContain('feed the database is locked'), soon);
    sink.fail = false;
    await vi.waitFor(() => expect(sink.heard).toEqual(['192.0.2.77']), soon);
  });

  test('a Worker that is revoked on us says so once', async () => {
    const { worker, events, connected } = bench();
    worker.weather.live.push(...Array<'cut'>(5).fill('cut'));
    worker.weather.feed.push(...Array(4).fill(problem(403, 'ERR_AUTH_REVOKED')));
    await connected({ lasting_seconds: 2 });
    await vi.waitFor(() => expect(events.log).toContain('feed up'), soon);
    expect(events.log.filter((line) => line.startsWith('feed'))).toEqual([
      expect.stringMatching(/^feed lasting .*\[ERR_AUTH_REVOKED\]; .*enrol it again/),
      'feed up',
    ]);
  });

  test('a feed that says there is more and gives nothing does not spin', async () => {
    const { worker, events, connected } = bench();
    worker.weather.live.push(...Array<'cut'>(5).fill('cut'));
    worker.weather.feed.push({ status: 200, body: { ledger, cursor: 0, reset: false, more: true, changes: [] } });
    await connected();
    await vi.waitFor(() => expect(events.log.join()).toContain('an empty page with more behind it'), soon);
  });
});
