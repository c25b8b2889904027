/** Events to a Worker that cuts, stalls and refuses: none lost, none doubled, in order. */
import { describe, expect, test, vi } from 'vitest';
import { realWorld } from '../../host-agent/edge/world.ts';
import { soon } from '../world/wait.ts';
import { banEvent, fakeOutbox } from './fake-host.ts';
import { addresses, useBench } from './fake-link.ts';
import { type FakeWorker, problem } from './fake-worker.ts';

const bench = useBench();

const takenIn = (worker: FakeWorker) =>
  [...worker.taken.values()].map((event) => (event as { address: string }).address);

describe('events', () => {
  test('go out in order, signed, one batch at a time, and leave the outbox', async () => {
    const { worker, outbox, connected } = bench();
    outbox.add(...addresses(250).map(banEvent));
    const running = await connected();
    await vi.waitFor(() => expect(outbox.size).toBe(0), soon);
    expect(worker.batches.map((batch) => [batch.first, batch.events.length])).toEqual([
      [1, 200],
      [201, 50],
    ]);
    outbox.add(banEvent('192.0.2.1'));
    running.wake();
    await vi.waitFor(() => expect(takenIn(worker).at(-1)).toBe('192.0.2.1'), soon);
    expect(takenIn(worker)).toEqual([...addresses(250), '192.0.2.1']);
    expect(worker.lies).toEqual([]);
    // the Worker has it before its receipt is here
    await vi.waitFor(() => expect(running.report()).toMatchObject({ waiting: 0, trouble: null, host: 'h1' }), soon);
  });

  test('a body never grows beyond its limit', async () => {
    const { worker, outbox, connected } = bench();
    const long = { ...banEvent('192.0.2.1'), jail: 'x'.repeat(64), padding: 'y'.repeat(3000) };
    outbox.add(...Array.from({ length: 60 }, () => long));
    await connected();
    await vi.waitFor(() => expect(outbox.size).toBe(0), soon);
    expect(worker.batches.length).toBeGreaterThan(2);
    expect(worker.taken.size).toBe(60);
  });

  test('cuts, also after the Worker has taken a batch in, lose nothing and double nothing', async () => {
    const { worker, outbox, connected } = bench();
    worker.weather.events.push('cut', 'cut-after', problem(503, 'ERR_INTERNAL'), 'cut-after', null);
    outbox.add(...addresses(3).map(banEvent));
    await connected();
    await vi.waitFor(() => expect(outbox.size).toBe(0), soon);
    expect(takenIn(worker)).toEqual(addresses(3));
    expect(worker.lies).toEqual([]);
  });

  test('waits grow, are capped, and trouble of one kind is told once', async () => {
    const { worker, outbox, events, world, connected } = bench();
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
    const { worker, outbox, world, connected } = bench();
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
    const { worker, outbox, events, world, connected } = bench();
    worker.weather.live.push(...Array<'cut'>(50).fill('cut'));
    worker.weather.feed.push('stall');
    worker.weather.events.push(problem(status, code), problem(status, code), problem(status, code));
    outbox.add(banEvent('192.0.2.1'));
    await connected();
    await vi.waitFor(() => expect(outbox.size).toBe(0), soon);
    expect(world.waits.slice(0, 3)).toEqual([225, 225, 225]);
    const told = events.log.filter((line) => line.startsWith('events lasting'));
    expect(told).toEqual([expect.stringContaining(`the Worker answered ${status}: because ${code} [${code}]; `)]);
    expect(told[0]).toContain(remedy);
  });

  test('refused events are told once each, also if the receipt got lost', async () => {
    const { worker, outbox, events, connected } = bench();
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
    const { worker, outbox, connected } = bench();
    worker.weather.events.push(problem(409, 'ERR_EVENTS_GAP', { expected: 3 }));
    worker.acked = 2;
    outbox.add(...addresses(4).map(banEvent));
    await connected();
    await vi.waitFor(() => expect(outbox.size).toBe(0), soon);
    expect([...worker.taken.keys()]).toEqual([3, 4]);
    expect(outbox.resyncs.count).toBe(0);
  });

  test('409: a Worker that has lost what we no longer have is told all anew', async () => {
    bench().outbox = fakeOutbox(50);
    const { worker, outbox, connected } = bench();
    outbox.add(banEvent('192.0.2.1'));
    await connected();
    await vi.waitFor(() => expect(outbox.size).toBe(0), soon);
    expect(outbox.resyncs.count).toBe(1);
    expect(takenIn(worker)).toEqual(['192.0.2.201', '192.0.2.202']);
  });

  test('what found no room is told anew as soon as there is room', async () => {
    const { worker, outbox, connected } = bench();
    outbox.add(banEvent('192.0.2.1'));
    outbox.lost = true;
    worker.refuse = () => false;
    await connected();
    await vi.waitFor(() => expect(outbox.resyncs.count).toBe(1), soon);
    await vi.waitFor(() => expect(outbox.size).toBe(0), soon);
    expect(takenIn(worker).at(-1)).toBe('192.0.2.202');
  });

  test('one event that makes the Worker refuse a whole batch is given up alone', async () => {
    const { worker, outbox, events, connected } = bench();
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
    const { worker, outbox, events, connected } = bench();
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
    expect(takenIn(worker)).toEqual(['192.0.2.1']);
    expect(events.refusals).toEqual([]);
  });

  test('a receipt cannot make us forget what was not sent', async () => {
    const { worker, outbox, connected } = bench();
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
    const { worker, outbox, events, connected } = bench();
    worker.weather.events.push({ status: 200, body: `"${'x'.repeat(3_000_000)}"` });
    outbox.add(banEvent('192.0.2.1'));
    await connected();
    await vi.waitFor(() => expect(outbox.size).toBe(0), soon);
    expect(events.log[0]).toBeDefined();
    expect(events.log.join()).toContain('longer than 1048576 bytes');
  });

  test('stop does not wait for a Worker that stalls', async () => {
    const { worker, outbox, connected } = bench();
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
