/** An action by commands whose environment somebody takes away: it is made anew, with all that was in it, as soon as it can be. */
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { startAgent, webJail } from './bench.ts';

const commands = [
  '[Definition]',
  'actionstart = test -e DIR/on && mkdir DIR/<family>',
  'actionstop = rm -r DIR/<family>',
  'actioncheck = test -d DIR/<family>',
  'actionban = test -d DIR/<family> && touch DIR/<family>/<ip>',
  'actionunban = rm DIR/<family>/<ip>',
  '[Init?family=inet6]',
  'unused = true',
];

/** A firewall that can be switched off, and the addresses in it. */
async function scene() {
  const dir = mkdtempSync(join(tmpdir(), 'edgeban-firewall-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  writeFileSync(join(dir, 'on'), '');
  const files = { 'action.d/wall.conf': `${commands.join('\n').replaceAll('DIR', dir)}\n` };
  const bench = await startAgent(webJail('bantime = 1h\naction = wall'), { files: { ...files, 'units/x': '' } });
  return {
    ...bench,
    starts: (unit: string) => bench.write(`units/invocation:${unit}.service`, ''),
    on: () => writeFileSync(join(dir, 'on'), ''),
    off: () => {
      for (const name of readdirSync(dir)) rmSync(join(dir, name), { recursive: true });
    },
    inside: () => (existsSync(join(dir, 'inet4')) ? readdirSync(join(dir, 'inet4')).toSorted() : []),
    ban: (...addresses: readonly string[]) => bench.say('set', 'web', 'banip', ...addresses),
  };
}

const wait = { timeout: 60_000, interval: 50 };

test('what stood in a firewall that was off for a while stands in it again, with what was banned meanwhile', async () => {
  const { on, off, inside, ban } = await scene();
  await ban('203.0.113.1', '203.0.113.2');
  expect(inside()).toEqual(['203.0.113.1', '203.0.113.2']);
  off();
  await ban('203.0.113.3');
  expect(inside()).toEqual([]);
  on();
  await vi.waitFor(() => expect(inside()).toEqual(['203.0.113.1', '203.0.113.2', '203.0.113.3']), wait);
});

test('what cannot be made anew yet is shown as not in force, also after a reload', async () => {
  const { off, inside, ban, say, on } = await scene();
  await ban('203.0.113.1');
  off();
  await ban('203.0.113.2');
  const shown = async () => JSON.stringify(await say('status', 'web'));
  expect(await shown()).toContain('"203.0.113.2[wall]","203.0.113.1[wall]"');
  await say('reload');
  expect(await shown()).toContain('203.0.113.1[wall]');
  on();
  await vi.waitFor(() => expect(inside()).toEqual(['203.0.113.1', '203.0.113.2']), wait);
  await vi.waitFor(async () => expect(await shown()).not.toContain('Not in force'), wait);
});

test('a firewall that is started anew gets its bans back, though nobody fails meanwhile', async () => {
  const { on, off, inside, ban, log, starts } = await scene();
  await ban('203.0.113.1');
  off();
  on();
  expect(inside()).toEqual([]);
  starts('nginx');
  starts('firewalld');
  await vi.waitFor(() => expect(inside()).toEqual(['203.0.113.1']), wait);
  expect(log()).toContain("[web] Reban 203.0.113.1, action 'wall'");
});
