/** Where a jail's bans are enforced: on this host, at the edge, or both, in a real nftables. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { sweeper } from '../../host-agent/kit.ts';
import { Netns, whyNot } from '../actions/netns.ts';
import { type AgentBench, startAgent, webJail } from './bench.ts';

const reason = whyNot();
const attacker = '203.0.113.7';

describe('the bans of a jail', () => {
  let netns: Netns;

  beforeEach((ctx) => {
    if (reason !== null) ctx.skip(reason);
    netns = new Netns();
  });
  afterEach(() => netns?.remove());

  function start(options: string, host: string | null = 'host-1'): Promise<AgentBench> {
    const files = { 'action.d/nftables.conf': '[Definition]\n[Init]\n' };
    const nft = netns.nft();
    return startAgent(jail(options), { host, nft, files, sweep: sweeper(nft) });
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
    await expect.poll(blocked).toBe(onHost);
    expect(events(bench)).toEqual([event]);
    const told = await status(bench);
    if (shown === null) expect(told).not.toContain('Enforced by');
    else expect(told).toContain(shown);
    expect(told).toContain(attacker);
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
