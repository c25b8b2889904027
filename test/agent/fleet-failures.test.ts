/** Failures of jails with `fleet = true`: summed up, told behind the bans, and no more of them than may be. */
import { describe, expect, it } from 'vitest';
import { FleetFailures, fleetFailuresLimits } from '../../host-agent/agent/fleet-failures.ts';
import { HostEvent } from '../../shared/wire.ts';
import { startAgent, webJail } from './bench.ts';

const { waiting_max, told_at_once_max } = fleetFailuresLimits;

const failures = (told: readonly unknown[]) =>
  told.map((event) => HostEvent.parse(event)).flatMap((event) => (event.kind === 'failure' ? [event] : []));

describe('an agent', () => {
  it('tells the failures of such a jail by address, behind its bans, and of no other jail', async () => {
    const other = webJail().replace('[web]', '[shop]').replace('web.log', 'shop.log');
    const bench = await startAgent(`${webJail('fleet = true')}\n${other}`, { host: 'host-1' });
    for (let n = 0; n < 6; n++) await bench.feed('fail 203.0.113.7');
    await bench.feed('fail 203.0.113.8');
    const told = () => failures(bench.told());
    await expect.poll(() => told().reduce((sum, { count }) => sum + count, 0), { timeout: 60_000 }).toBe(7);
    expect(new Set(told().map(({ jail, address }) => `${jail} ${address}`))).toEqual(
      new Set(['web 203.0.113.7', 'web 203.0.113.8']),
    );
    expect(HostEvent.parse(bench.told()[0]).kind).toBe('ban');
  });
});

describe('failures that wait', () => {
  it('are one for each address and jail, and told in small numbers, oldest first', () => {
    const waiting = new FleetFailures();
    for (let n = 0; n < 40; n++) waiting.note('sshd', `45.0.0.${n}`, 100 + n, 100);
    waiting.note('sshd', '45.0.0.0', 200, 200);
    waiting.note('web', '45.0.0.0', 200, 200);
    const told = waiting.take();
    expect(told).toHaveLength(told_at_once_max);
    expect(told[0]).toEqual({ kind: 'failure', jail: 'sshd', address: '45.0.0.0', at: 200, count: 2 });
    expect(waiting.waiting).toBe(41 - told_at_once_max);
  });

  it('have an end, and old ones are not told', () => {
    const waiting = new FleetFailures();
    for (let n = 0; n < waiting_max + 9; n++) waiting.note('sshd', `45.1.${n >> 8}.${n & 255}`, 1, 1);
    expect(waiting.waiting).toBe(waiting_max);
    for (let n = 0; n < 5_000; n++) waiting.note('sshd', '45.1.0.0', 1, 1);
    expect(waiting.take()[0]).toMatchObject({ count: 1_000 });
    const late = new FleetFailures();
    late.note('sshd', '45.1.0.0', 1, 9_999);
    expect(late.waiting).toBe(0);
  });
});
