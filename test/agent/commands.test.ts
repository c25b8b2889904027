/** An action of action.d in a running agent: its commands, in fail2ban's order, from the first ban to the stop. */
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { soon } from '../world/wait.ts';
import { startAgent, webJail } from './bench.ts';

/** A folder of the configuration with the action `note`, whose commands write what they are into a file. */
function noting(lines: readonly string[]) {
  const dir = mkdtempSync(join(tmpdir(), 'edgeban-commands-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  const noted = join(dir, 'noted');
  return {
    dir,
    action: ['[Definition]', ...lines.map((line) => line.replaceAll('NOTE', `>> ${noted}`)), ''].join('\n'),
    noted: () => (existsSync(noted) ? readFileSync(noted, 'utf8').trimEnd().split('\n') : []),
    empty: () => writeFileSync(noted, ''),
  };
}

const all = [
  'actionstart = echo start <name> NOTE',
  'actionstop = echo stop <name> NOTE',
  'actionban = echo ban <ip> <failures> <restored> "<F-USER>." NOTE',
  'actionunban = echo unban <ip> NOTE',
  'actionflush = echo flush NOTE',
];

test('start, ban, unban, flush, stop', async () => {
  const { action, noted } = noting(all);
  const bench = await startAgent(webJail('action = note'), { files: { 'action.d/note.conf': action } });
  await bench.feed('fail 203.0.113.1 user=$(id)', 'fail 2001:db8:9::1');
  await vi.waitFor(() => expect(noted()).toContain('ban 2001:db8:9::1 1 0 .'), soon);
  await bench.say('set', 'web', 'unbanip', '203.0.113.1');
  await bench.agent.stop({ unban: false });
  expect(noted()).toEqual([
    'start web',
    'ban 203.0.113.1 1 0 $(id).',
    'ban 2001:db8:9::1 1 0 .',
    'unban 203.0.113.1',
    'flush',
    'stop web',
  ]);
});

test('a command that fails: told, tried again, not lifted', async () => {
  const { dir, action, noted } = noting([
    'actionban = [ -e DIR/works ] && echo ban <ip> NOTE',
    'actionunban = echo unban <ip> NOTE',
  ]);
  const files = { 'action.d/note.conf': action.replaceAll('DIR', dir) };
  const bench = await startAgent(webJail('action = note'), { files });
  await bench.say('set', 'web', 'banip', '203.0.113.1', '203.0.113.2');
  expect(bench.log()).toContain("Failed to execute ban jail 'web' action 'note' info");
  expect(bench.log()).toContain('Error banning 203.0.113.1');
  const notInForce = '["Not in force",["203.0.113.1[note]","203.0.113.2[note]"]]';
  expect(JSON.stringify(await bench.say('status', 'web'))).toContain(notInForce);
  mkdirSync(join(dir, 'works'));
  await vi.waitFor(() => expect(noted()).toEqual(['ban 203.0.113.1', 'ban 203.0.113.2']), soon);
  await vi.waitFor(() => expect(bench.log()).toContain('[web] action note works again'), soon);
  expect(JSON.stringify(await bench.say('status', 'web'))).not.toContain('Not in force');
});

test('a reload: the same action goes on as it is, a changed one is stopped before it begins anew, one that is gone is stopped', async () => {
  const { action, noted, empty } = noting(all);
  const bench = await startAgent(webJail('action = note'), { files: { 'action.d/note.conf': action } });
  const reload = { jail: null, restart: false, unban: false, ifExists: false };
  await bench.say('set', 'web', 'banip', '203.0.113.1');
  empty();
  await bench.agent.reload(reload);
  await bench.say('set', 'web', 'banip', '203.0.113.2');
  expect(noted()).toEqual(['ban 203.0.113.2 0 0 .']);
  empty();
  bench.write('jail.conf', webJail('action = note[other=1]').replaceAll('DIR', bench.dir));
  await bench.agent.reload(reload);
  expect(noted()).toEqual(['flush', 'stop web', 'start web', 'ban 203.0.113.1 0 1 .', 'ban 203.0.113.2 0 1 .']);
  empty();
  bench.write('jail.conf', webJail('').replaceAll('DIR', bench.dir));
  await bench.agent.reload(reload);
  expect(noted()).toEqual(['flush', 'stop web']);
  expect(bench.log()).not.toContain('ERROR');
});

test('an id that is no address, with what the filter caught, through the environment of the shell alone', async () => {
  const { dir, action, noted } = noting(['actionban = printf "%%s|" ban "<ip>" "<F-USER>" "<matches>" NOTE']);
  const jail = webJail('action = note').replace('^fail <HOST>', '^fail <F-ID>.+</F-ID>');
  const bench = await startAgent(jail, { files: { 'action.d/note.conf': action } });
  await bench.feed(`fail x"; touch ${dir}/canary # user=$(touch\u00a0${dir}/canary)`);
  await vi.waitFor(() => expect(noted()).toHaveLength(1), soon);
  expect(noted()[0]).toMatch(/^ban\|x"; touch .*canary #/);
  expect(existsSync(join(dir, 'canary'))).toBe(false);
});
