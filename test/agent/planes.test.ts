/** Where a jail's bans are enforced: on this host, at the edge, or both, in a real nftables. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { EdgeLink } from '../../host-agent/agent/parts.ts';
import { sweeper } from '../../host-agent/daemon/kit.ts';
import { Netns, whyNot } from '../actions/netns.ts';
import { type AgentBench, type BenchOptions, startAgent, webJail } from './bench.ts';

const reason = whyNot();
const attacker = '203.0.113.7';

describe('the bans of a jail', () => {
  let netns: Netns;

  beforeEach((ctx) => {
    if (reason !== null) ctx.skip(reason);
    netns = new Netns();
  });
  afterEach(() => netns?.remove());

  function start(
    options: string,
    host: string | null = 'host-1',
    more: Partial<BenchOptions> = {},
  ): Promise<AgentBench> {
    const files = { 'action.d/nftables.conf': '[Definition]\n[Init]\n' };
    const nft = netns.nft();
    return startAgent(jail(options), { host, nft, files, sweep: sweeper(nft), ...more });
  }

  const jail = (options: string) => webJail(`action = nftables[type=allports, name=web]\n${options}`);
  const blocked = () => netns.run('nft', 'list', 'ruleset').includes(attacker);
  const events = (bench: AgentBench) =>
    bench
      .told()
      .flatMap((event) =>
        typeof event === 'object' && event !== null ? [{ edge: 'block', hosts: true, ...event }] : [],
      )
      .map((event) => `${event.edge} ${event.hosts}`);
  const status = async (bench: AgentBench) => JSON.stringify(await bench.say('status', 'web'));

  it.each([
    ['', true, 'block true', null],
    ['plane = both\nedge = challenge', true, 'challenge true', 'this host; at the edge: challenge'],
    ['plane = host', true, 'off true', 'this host; at the edge: off'],
    ['edge = off', true, 'off true', 'this host; at the edge: off'],
    ['plane = edge', false, 'block false', 'the edge alone: block'],
    ['plane = edge\nedge = challenge', false, 'challenge false', 'the edge alone: challenge'],
    ['plane.proxied = true', false, 'block false', 'the edge alone: block'],
    ['plane = both\nplane.proxied = true', true, 'block true', null],
    // nobody would enforce it
    ['plane = edge\nedge = off', true, 'off true', 'this host; at the edge: off'],
  ])('go where it says: %j', async (options, onHost, event, shown) => {
    const bench = await start(options);
    await bench.feed(`fail ${attacker}`);
    await expect.poll(() => events(bench)).toEqual([event]);
    const told = await status(bench);
    if (shown === null) expect(told).not.toContain('Enforced by');
    else expect(told).toContain(shown);
    expect(told).toContain(attacker);
    // what is under way is ended, what is banned stays banned
    await bench.agent.stop({ unban: false });
    expect(blocked()).toBe(onHost);
  });

  it('come to this host while the edge cannot enforce, and go back to it', async () => {
    const clock = { ahead: 0 };
    let why: string | null = null;
    const link: EdgeLink = {
      wake: () => undefined,
      report: () => ({ url: '', host: '', feed: 'live', answeredAt: null, waiting: 0, trouble: null }),
      explain: () => Promise.reject(new Error('not asked')),
      ability: async () => ({ block: why === null, challenge: why === null, why }),
      close: async () => undefined,
    };
    const bench = await start('plane = edge\nbantime = 4w', 'host-1', {
      link,
      now: () => Date.now() / 1000 + clock.ahead,
    });
    await bench.feed(`fail ${attacker}`);
    expect(blocked()).toBe(false);
    const passes = async (isBlocked: boolean) =>
      await expect
        .poll(
          () => {
            clock.ahead += 60;
            return blocked();
          },
          { interval: 700, timeout: 60_000 },
        )
        .toBe(isBlocked);
    why = 'the token is revoked';
    await passes(true);
    expect(bench.log()).toContain('the edge cannot enforce (the token is revoked)');
    expect(await status(bench)).toContain('this host while the edge cannot; at the edge: block');
    await bench.say('reload');
    expect(blocked()).toBe(true);
    why = null;
    await passes(false);
    expect(bench.log()).toContain('the edge enforces again');
    expect(await status(bench)).toContain('the edge alone: block');
    expect(await status(bench)).toContain(attacker);
    expect(netns.run('nft', 'list', 'ruleset')).not.toContain('addr-set-web');
    // the edge was told once, and is not told again
    expect(events(bench)).toEqual(['block false']);
  });

  it('stay on a host that is enrolled nowhere', async () => {
    const bench = await start('plane = edge\nedge = challenge', null);
    await bench.feed(`fail ${attacker}`);
    await expect.poll(blocked).toBe(true);
    expect(await status(bench)).not.toContain('Enforced by');
  });

  it('move at a reload, and the edge is told of those in force', async () => {
    const bench = await start('plane = both');
    const change = async (options: string) => {
      bench.write('jail.conf', jail(options).replaceAll('DIR', bench.dir));
      await bench.say('reload');
    };
    await bench.feed(`fail ${attacker}`);
    await expect.poll(blocked).toBe(true);
    await change('plane = edge');
    expect(blocked()).toBe(false);
    expect(netns.run('nft', 'list', 'ruleset')).not.toContain('addr-set-web');
    await change('plane = edge\nedge = challenge');
    await change('plane = edge\nedge = challenge');
    await change('');
    expect(blocked()).toBe(true);
    expect(events(bench)).toEqual(['block true', 'block false', 'challenge false', 'block true']);
    await bench.say('set', 'web', 'unbanip', attacker);
    expect([blocked(), events(bench).length]).toEqual([false, 5]);
  });
});
