/** Which bans get Cloudflare's room where there is not enough for all: recidivists first, then the newest, host by host. */
import { describe, expect, it } from 'vitest';
import { inTurn } from '../../worker/ledger/fair-turns.ts';

const end = 2_000_000_000;

function entry(address: string, at: number, host = 'web1', jail = 'sshd', until: number | null = end) {
  return { address, host, jail, at, until, edge: 'block' as const };
}

describe('the order of bans', () => {
  it('begins with recidivists, then the newest', () => {
    const order = inTurn([
      entry('203.0.113.1', 90),
      entry('203.0.113.2', 80),
      entry('203.0.113.3', 10, 'web1', 'recidive'),
      entry('203.0.113.4', 20, 'web1', 'sshd', null),
      entry('203.0.113.5', 5, 'web1', 'sshd'),
      entry('203.0.113.5', 30, 'web1', 'nginx'),
    ]);
    expect(order.map((address) => address.at(-1))).toEqual(['5', '4', '3', '1', '2']);
  });

  it('gives no host more for calling all of its bans recidivists', () => {
    const loud = Array.from({ length: 50 }, (_, n) => entry(`198.51.100.${n}`, 100 + n, 'stolen', 'recidive', null));
    const order = inTurn([...loud, entry('203.0.113.1', 1), entry('203.0.113.2', 2)]);
    expect(order.slice(0, 4)).toEqual(expect.arrayContaining(['203.0.113.1', '203.0.113.2']));
  });
});
