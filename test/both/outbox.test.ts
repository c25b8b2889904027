/** No event is lost, sent twice in effect, or taken for another. */
import { withSql } from 'test-sql';
import { expect, test } from 'vitest';
import { Outbox } from '../../shared/store/outbox.ts';
import { below, randomOf } from '../random.ts';
import { storeOn } from './court.ts';

function onOutbox<T>(events_max: number, body: (outbox: Outbox, reopen: () => Outbox) => T): Promise<T> {
  return withSql((sql) => {
    storeOn(sql);
    let streams = 0;
    const open = () => new Outbox(sql, () => `stream-${++streams}`, { events_max, event_chars_max: 100 });
    return body(open(), open);
  });
}

test('events wait in order until they are acknowledged, over a restart, and numbers are never used again', async () => {
  await onOutbox(100, (outbox, reopen) => {
    expect([outbox.peek(5), outbox.size]).toEqual([null, 0]);
    for (const event of ['a', 'b', 'c']) expect(outbox.append(event, event)).toBe(true);
    expect(outbox.peek(2)).toEqual({ stream: 'stream-1', first: 1, events: ['a', 'b'] });
    outbox.ack('stream-1', 2);
    expect(reopen().peek(5)).toEqual({ stream: 'stream-1', first: 3, events: ['c'] });
    outbox.ack('stream-1', 3);
    const again = reopen();
    again.append('d', 'd');
    expect([again.peek(5), again.size]).toEqual([{ stream: 'stream-1', first: 4, events: ['d'] }, 1]);
  });
});

test('an acknowledgement of another stream, of the past or of the future does no harm', async () => {
  await onOutbox(100, (outbox) => {
    for (const event of ['a', 'b']) outbox.append(event, event);
    outbox.ack('stream-9', 2);
    outbox.ack('stream-1', 1);
    outbox.ack('stream-1', 0);
    expect(outbox.peek(5)).toEqual({ stream: 'stream-1', first: 2, events: ['b'] });
    outbox.ack('stream-1', 99);
    outbox.append('c', 'c');
    expect(outbox.peek(5)).toEqual({ stream: 'stream-1', first: 3, events: ['c'] });
  });
});

test('a full outbox keeps the newest event of each key under a new stream', async () => {
  await onOutbox(4, (outbox) => {
    for (const event of ['x1', 'y1', 'x2', 'x3']) outbox.append(event.slice(0, 1), event);
    expect(outbox.append('z', 'z1')).toBe(true);
    expect(outbox.peek(9)).toEqual({ stream: 'stream-2', first: 1, events: ['y1', 'x3', 'z1'] });
    outbox.ack('stream-1', 4);
    expect([outbox.size, outbox.lost]).toEqual([3, false]);
  });
});

test('what finds no room is reported as lost until the owner starts anew', async () => {
  await onOutbox(2, (outbox, reopen) => {
    for (const event of ['a', 'b']) outbox.append(event, event);
    expect(outbox.append('c', 'c')).toBe(false);
    expect([outbox.lost, reopen().lost, outbox.size]).toEqual([true, true, 2]);
    outbox.ack(outbox.stream(), 2);
    expect([outbox.append('d', 'd'), outbox.lost]).toEqual([true, true]);
    outbox.restart();
    expect([outbox.size, outbox.lost, outbox.stream()]).toEqual([0, false, 'stream-3']);
  });
});

test('an event that is too long is a bug', async () => {
  await onOutbox(2, (outbox) => expect(() => outbox.append('a', 'x'.repeat(101))).toThrow('101'));
});

test.each([1, 2, 3])(
  'a cut line loses nothing (seed %i): the receiver ends with the newest event of each key',
  async (seed) => {
    const random = randomOf(seed);
    await onOutbox(12, (outbox) => {
      const [sent, received] = [new Map<string, string>(), new Map<string, string>()];
      const taken = new Map<string, number>();
      for (let step = 0; step < 500 || outbox.size > 0; step += 1) {
        if (step < 500 && random() < 0.6) {
          const key = `k${below(random, 8)}`;
          expect(outbox.append(key, `${key} ${step}`)).toBe(true);
          sent.set(key, `${key} ${step}`);
        }
        const pending = random() < 0.4 ? outbox.peek(5) : null;
        if (pending === null) continue;
        for (const [index, event] of pending.events.entries()) {
          const seq = pending.first + index;
          if (seq <= (taken.get(pending.stream) ?? 0)) continue;
          expect(seq).toBe((taken.get(pending.stream) ?? 0) + 1);
          taken.set(pending.stream, seq);
          received.set(event.split(' ')[0] ?? '', event);
        }
        // the acknowledgement may be lost on its way
        if (random() < 0.5) outbox.ack(pending.stream, taken.get(pending.stream) ?? 0);
      }
      expect(received).toEqual(sent);
      expect(taken.size).toBeGreaterThan(1);
    });
  },
);
