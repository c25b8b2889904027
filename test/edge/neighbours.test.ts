/** A host and a Worker of neighbouring versions: what the newer one says beyond the other's knowledge is passed over. */
import { describe, expect, it, test, vi } from 'vitest';
import type { z } from 'zod';
import { AlertsPage } from '../../shared/alerts.ts';
import {
  EdgeAbility,
  EdgeStory,
  EnrollReply,
  EnrollRequest,
  EventBatch,
  EventReceipt,
  FeedPage,
  HostEvent,
  RotateReply,
  RotateRequest,
} from '../../shared/wire.ts';
import { soon } from '../world/wait.ts';
import { useBench } from './fake-link.ts';
import { ledger } from './fake-worker.ts';

const bench = useBench();
const address = '203.0.113.7';
const key = 'k'.repeat(43);
const end = { action: 'block', until: 5 };
const change = { cursor: 1, address, host: 'h2', jail: 'sshd', at: 1, until: 5, lifted: false };
const page = { ledger, cursor: 1, reset: false, more: false, changes: [change] };

const messages: readonly (readonly [string, z.ZodType, object])[] = [
  [
    'ban',
    HostEvent,
    { kind: 'ban', jail: 'sshd', address, at: 1, until: 5, failures: 1, count: 1, edge: 'block', hosts: true },
  ],
  ['unban', HostEvent, { kind: 'unban', jail: 'sshd', address, at: 1 }],
  ['failure', HostEvent, { kind: 'failure', jail: 'sshd', address, at: 1, count: 2 }],
  ['batch', EventBatch, { stream: ledger, first: 1, events: ['judged one by one'] }],
  ['receipt', EventReceipt, { stream: ledger, acked: 1, refused: [{ seq: 1, code: 'ERR_A', message: 'no' }] }],
  ['feed', FeedPage, page],
  ['enrolment', EnrollRequest, { token: 't'.repeat(20), name: 'web1', key }],
  ['enrolled', EnrollReply, { host: 'h1', ledger }],
  ['rotation', RotateRequest, { key }],
  ['rotated', RotateReply, { host: 'h1', key }],
  ['ability', EdgeAbility, { block: true, challenge: false, why: 'no second list' }],
  [
    'alerts',
    AlertsPage,
    { ledger, last: 1, alerts: [{ n: 1, phase: 'began', kind: 'new', about: '', since: 1, ended: null }] },
  ],
  [
    'story',
    EdgeStory,
    {
      address,
      mode: 'list',
      ledger: { address, ...end, holders: [{ host: 'h1', name: 'web1', jail: 'sshd', at: 1, until: 5 }] },
      kv: { revision: 1, written_at: 1, ban: end },
      cloudflare: {
        asked: true,
        found: [{ where: 'list', said: 'block' }],
        rules: [{ where: 'zone', said: 'block', inForce: true }],
        error: null,
      },
    },
  ],
];

/** With a field more in each of its objects. */
function newer(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(newer);
  if (typeof value !== 'object' || value === null) return value;
  return { ...Object.fromEntries(Object.entries(value).map(([name, its]) => [name, newer(its)])), unheard_of: [1] };
}

describe('fields that are not known yet', () => {
  it.each(messages)('%s: are passed over', (_, shape, message) => {
    expect(shape.parse(newer(message))).toEqual(message);
  });

  test('a feed that has some is followed', async () => {
    const { worker, sink, connected } = bench();
    worker.weather.live.push(...Array<'cut'>(50).fill('cut'));
    worker.weather.feed.push({ status: 200, body: newer(page) });
    await connected();
    await vi.waitFor(() => expect(sink.pages.at(0)?.changes).toEqual([change]), soon);
  });
});
