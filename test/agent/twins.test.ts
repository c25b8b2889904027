/** Two daemons in one network namespace: each says so, and leaves alone what is the other's. */
import { chownSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { sayHere, twinsOf } from '../../host-agent/daemon/twins.ts';
import { Netns, whyNot } from '../actions/netns.ts';
import { Edgeban } from '../bench/daemon.ts';
import { soon } from '../world/wait.ts';

let folder: string;
let netns: Netns;
const daemons: Edgeban[] = [];

beforeEach((ctx) => {
  const reason = whyNot();
  if (reason !== null) ctx.skip(reason);
  folder = mkdtempSync(join(tmpdir(), 'edgeban-twins-'));
  netns = new Netns();
});
afterEach(async () => {
  for (const daemon of daemons.splice(0)) await daemon.remove();
  netns?.remove();
  if (folder) rmSync(folder, { recursive: true, force: true });
});

async function start(name: string, jails: readonly string[]): Promise<Edgeban> {
  const daemon = new Edgeban(join(folder, name), { netns, jails });
  daemons.push(daemon);
  await daemon.start();
  return daemon;
}

const logOf = (name: string) => readFileSync(join(folder, name, 'edgeban.log'), 'utf8');
const blocked = () =>
  netns
    .run('nft', 'list', 'ruleset')
    .match(/198\.51\.100\.\d/g)
    ?.toSorted() ?? [];

it('neither sweeps out the other; when one is alone again, it sweeps', { timeout: 180_000 }, async () => {
  const first = await start('first', ['web']);
  first.client('set', 'web', 'banip', '198.51.100.1');
  const second = await start('second', ['mail', 'web']);
  second.client('set', 'mail', 'banip', '198.51.100.2');
  expect(logOf('second')).toMatch(
    /ERROR +another edgeban \(.*first\/control\.sock\).* what the other bans in web;.*NEIGHBOUR/,
  );
  first.client('reload');
  second.client('reload');
  expect(logOf('first')).toMatch(/ERROR +another edgeban \(.*second\/control\.sock\)/);
  expect(blocked()).toContain('198.51.100.2');
  await second.kill();
  first.client('reload');
  await vi.waitFor(() => expect(blocked()).toEqual(['198.51.100.1']), soon);
});

it('one that is not there, or that another user has made, is none', async () => {
  const leave = sayHere(join(folder, 'nobody.sock'));
  const server = createServer(() => undefined).listen(join(folder, 'stranger.sock'));
  const leaveToo = sayHere(join(folder, 'stranger.sock'));
  // daemons of other tests may run beside this one
  const twins = async (own: string) =>
    (await twinsOf(join(folder, own))).filter(({ socket }) => socket.startsWith(folder));
  expect(await twins('stranger.sock')).toEqual([]);
  expect(await twins('mine.sock')).toEqual([{ socket: join(folder, 'stranger.sock'), jails: [] }]);
  chownSync(join(folder, 'stranger.sock'), 65_534, 65_534);
  expect(await twins('mine.sock')).toEqual([]);
  server.close();
  leave();
  leaveToo();
});
