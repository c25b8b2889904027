/** Orders, failures, restarts: what an action does, does again, and leaves alone. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import type { ShellEnd, TicketWorld } from '../../host-agent/actions/ticket-action.ts';
import { queueLimits } from '../../host-agent/actions/ticket-queue.ts';
import type { ActionConf } from '../../shared/config/action-conf.ts';
import { soon } from '../world/wait.ts';
import { actionConf, banOf } from './action-conf.ts';
import { type TicketBench, ticketBench } from './ticket-bench.ts';

const all = ['start', 'stop', 'ban', 'unban'];
const [a, b, c] = [banOf('203.0.113.1'), banOf('203.0.113.2'), banOf('203.0.113.3')];

/** An action whose commands are their own names. */
function named(names: readonly string[] = all, more = ''): ActionConf {
  const lines = names.map((name) => `action${name} = ${name}${/ban|prolong/.test(name) ? ' <ip> <restored>' : ''}`);
  return actionConf('note', undefined, { 'note.conf': `[Definition]\n${lines.join('\n')}\n${more}\n` });
}

/** Commands that only note that they ran; those that `fails` says no to end with 1, or time out. */
function noting(fails: (script: string) => ShellEnd['kind'] | false = () => false): TicketBench {
  const run: TicketWorld['run'] = async ({ script }) => {
    const failed = fails(script);
    if (failed === 'timeout') return { kind: 'timeout', said: '' };
    return { kind: 'code', code: failed === false ? 0 : 1, said: failed === false ? '' : 'no\nway' };
  };
  return ticketBench({ run });
}

function ran(bench: TicketBench): string[] {
  return bench.ran.splice(0).map(({ script }) => script);
}

test('a ban that fails is known, tried again, not lifted; then all is well', async () => {
  let works = false;
  const bench = noting((script) => !works && script.startsWith('ban 203.0.113.1') && 'code');
  await bench.start(named());
  await bench.ban(a, b, c);
  expect(ran(bench)).toEqual([
    'start',
    'ban 203.0.113.1 0',
    'ban 203.0.113.1 0',
    'ban 203.0.113.2 0',
    'ban 203.0.113.3 0',
  ]);
  expect(bench.actions[0]?.failing().map(({ id, error }) => [id, error.code])).toEqual([[a.id, 'ERR_ACTION_COMMAND']]);
  const told = bench.log.filter((line) => line.includes('Failed to execute ban'));
  expect(told).toEqual([
    "ERROR Failed to execute ban jail 'web' action 'note' info 'ActionInfo({'ip': '203.0.113.1', 'fid': '203.0.113.1'})': Error banning 203.0.113.1: actionban returned 1 (ERR_ACTION_COMMAND); it is tried again",
  ]);
  expect(bench.log).toContain('ERROR [web] note actionban -- stderr: "no\\nway"');
  works = true;
  await vi.waitFor(() => expect(ran(bench)).toEqual(['ban 203.0.113.1 0']), soon);
  expect(bench.actions[0]?.failing()).toEqual([]);
  expect(bench.log.at(-1)).toBe('NOTICE [web] action note works again');
  await bench.unban(a.id);
  expect(ran(bench)).toEqual(['unban 203.0.113.1 0']);
});

test('what a look shows unchanged since all stood is not checked again, unless something was done meanwhile', async () => {
  let rules = 'one';
  const said = (script: string) => (script === 'look' ? rules : '');
  const bench = ticketBench({ run: async ({ script }) => ({ kind: 'code', code: 0, said: said(script) }) });
  const review = async () => {
    ran(bench);
    await bench.actions[0]?.review(true);
    return ran(bench);
  };
  // for the action, and for the family of its bans
  const asked = ['look', 'check', 'check'];
  await bench.start(named([...all, 'check', 'look']));
  await bench.ban(a);
  expect(await review()).toEqual(asked);
  expect(await review()).toEqual(['look']);
  rules = 'two';
  expect(await review()).toEqual(asked);
  await bench.ban(b);
  expect(await review()).toEqual(asked);
  expect(await review()).toEqual(['look']);
});

test('where a look names the bans, nothing else is asked while its own lines say what they should', async () => {
  const at = Date.now() / 1000;
  const [one, two] = [banOf('203.0.113.1', { at }), banOf('203.0.113.2', { at })];
  const rules = { others: 'x', own: '-j f2b-web', bans: '' };
  const look = () => `jump f2b-web2 ${rules.others}\n${rules.own}\n${rules.bans}\n-s 203.0.113.9 f2b-webb`;
  const said = (script: string) => (script === 'look' ? look() : '');
  const bench = ticketBench({ run: async ({ script }) => ({ kind: 'code', code: 0, said: said(script) }) });
  const review = async () => {
    ran(bench);
    await bench.actions[0]?.review(true);
    return ran(bench).map((script) => script.trim());
  };
  await bench.start(named([...all, 'check', 'look'], 'actionlist = <actionlook>\nactionlookfor = f2b-web'));
  rules.bans = 'f2b-web -s 203.0.113.1/32';
  await bench.ban(one);
  expect(await review()).toEqual(['look', 'check', 'check', 'look']);
  expect(await review()).toEqual(['look']);
  // others come and go; an own ban, too
  rules.others = 'y';
  rules.bans += '\nf2b-web -s 203.0.113.2/32';
  await bench.ban(two);
  expect(await review()).toEqual(['look']);
  // what is no ban's is gone: is it what the check looks for?
  rules.own = '';
  expect(await review()).toEqual(['look', 'check', 'check', 'look']);
  // one ban is gone, and stands in another's line only
  rules.bans = 'f2b-web -s 203.0.113.1/32\nf2b-webb -s 203.0.113.2/32';
  expect(await review()).toEqual(['look', 'check', 'check', 'look', 'ban 203.0.113.2 0']);
});

test('what is gone and cannot be made anew yet is not tried ban by ban; then all of it is', async () => {
  const is = { on: true, bans: '203.0.113.1' };
  const code = (script: string) => (is.on || script === 'look' || script.startsWith('unban') ? 0 : 1);
  const said = (script: string) => (script === 'look' ? is.bans : '');
  const bench = ticketBench({ run: async ({ script }) => ({ kind: 'code', code: code(script), said: said(script) }) });
  await bench.start(named([...all, 'check', 'look'], 'actionlist = <actionlook>\n[Init?family=inet6]\nunused = 1'));
  await bench.ban(banOf('203.0.113.1', { at: Date.now() / 1000 }));
  Object.assign(is, { on: false, bans: '' });
  await bench.actions[0]?.review(true);
  expect(ran(bench).filter((script) => script.includes('ban 2')).length).toBe(1);
  expect(bench.actions[0]?.failing().map(({ error }) => error.code)).toEqual(['ERR_ACTION_GONE']);
  is.on = true;
  await bench.actions[0]?.review(true);
  expect(ran(bench).filter((script) => script.includes('ban 2'))).toEqual(['ban 203.0.113.1 0']);
  expect(bench.actions[0]?.failing()).toEqual([]);
});

test('an unban after a failed ban: nothing, but where part of it may have been done', async () => {
  const bench = noting((script) => script.includes('ban 203') && !script.includes('unban') && 'code');
  await bench.start(named());
  await bench.ban(a);
  await bench.unban(a.id);
  expect(ran(bench)).toEqual(['start', 'ban 203.0.113.1 0', 'ban 203.0.113.1 0']);
  const two = noting((script) => script.startsWith('one') && 'code');
  const conf = actionConf('two', undefined, {
    'two.conf': '[Definition]\nactionban = one\n two <ip>\nactionunban = un <ip>\n',
  });
  await two.start(conf);
  await two.ban(a);
  await two.unban(a.id);
  expect(ran(two)).toEqual(['one\ntwo 203.0.113.1', 'one\ntwo 203.0.113.1', 'un 203.0.113.1']);
});

test('what cannot be lifted is tried again', async () => {
  let works = false;
  const bench = noting((script) => !works && script.startsWith('unban') && 'code');
  await bench.start(named());
  await bench.ban(a);
  await bench.unban(a.id);
  works = true;
  ran(bench);
  await vi.waitFor(() => expect(ran(bench)).toEqual(['unban 203.0.113.1 0']), soon);
});

test('what hangs holds others up three times, and then no more', async () => {
  const bench = noting((script) => script.startsWith('ban') && 'timeout');
  await bench.start(named());
  await bench.ban(a, b, c, banOf('203.0.113.4'), banOf('203.0.113.5'));
  expect(ran(bench)).toEqual(['start', 'ban 203.0.113.1 0', 'ban 203.0.113.2 0', 'ban 203.0.113.3 0']);
  expect(bench.actions[0]?.failing().map(({ error }) => error.code)).toEqual([
    ...Array(3).fill('ERR_ACTION_TIMEOUT'),
    ...Array(2).fill('ERR_ACTION_WAITS'),
  ]);
});

test('a stop in order undoes all, and the next start does all again, as restored', async () => {
  const bench = noting();
  await bench.start(named([...all, 'flush']));
  await bench.ban(a, b);
  await bench.stop();
  expect(ran(bench)).toEqual(['start', 'ban 203.0.113.1 0', 'ban 203.0.113.2 0', 'flush', 'stop']);
  expect(bench.log).toContain('NOTICE [web] Flush ticket(s) with note');
  await bench.start(named());
  await bench.stop();
  expect(ran(bench)).toEqual([
    ...['start', 'ban 203.0.113.1 1', 'ban 203.0.113.2 1', 'unban 203.0.113.1 0', 'unban 203.0.113.2 0', 'stop'],
  ]);
  await bench.start(named(all, 'norestored = true'));
  await bench.stop();
  expect(ran(bench)).toEqual(['start', 'stop']);
});

test('after a crash: what was done stays, what was not is done, what is over is lifted', async () => {
  const bench = noting();
  await bench.start(named());
  await bench.ban(a, b);
  ran(bench);
  // what happened while nobody was there to do it
  bench.held.delete(a.id);
  bench.held.set(c.id, c);
  await bench.start(named());
  expect(ran(bench)).toEqual(['unban 203.0.113.1 0', 'ban 203.0.113.3 0']);
});

test('after a crash: where the check fails, nothing is there, and all is done again', async () => {
  let gone = false;
  const bench = noting((script) => gone && script === 'check' && 'code');
  await bench.start(named([...all, 'check']));
  await bench.ban(a, b);
  ran(bench);
  gone = true;
  await bench.start(named([...all, 'check']));
  expect(ran(bench)).toEqual(['check', 'start', 'ban 203.0.113.1 1', 'ban 203.0.113.2 1']);
});

test('after a crash and a boot: without a check all is lifted before it is done again', async () => {
  const bench = noting();
  await bench.start(named());
  await bench.ban(a);
  ran(bench);
  bench.boot = 'two';
  await bench.start(named());
  expect(ran(bench)).toEqual(['unban 203.0.113.1 0', 'start', 'ban 203.0.113.1 1']);
});

test('killed in a command: it is run again', async () => {
  let hangs = true;
  const never = new Promise<ShellEnd>(() => undefined);
  const bench = ticketBench({
    run: async ({ script }) => (hangs && script.startsWith('ban') ? never : { kind: 'code', code: 0, said: '' }),
  });
  await bench.start(named());
  void bench.ban(a);
  await vi.waitFor(() => expect(ran(bench)).toContain('ban 203.0.113.1 0'), soon);
  hangs = false;
  await bench.start(named());
  expect(ran(bench)).toEqual(['ban 203.0.113.1 0']);
});

test('where the environment was made anew, all bans are carried out again', async () => {
  let sane = true;
  const bench = noting((script) => {
    if (script === 'start') sane = true;
    return !sane && (script === 'check' || script.startsWith('ban')) && 'code';
  });
  await bench.start(named([...all, 'check']));
  await bench.ban(a, b);
  ran(bench);
  sane = false;
  await bench.ban(c);
  await vi.waitFor(() => expect(bench.ran).toHaveLength(8), soon);
  expect(ran(bench)).toEqual([
    ...['ban 203.0.113.3 0', 'check', 'stop', 'start', 'check', 'ban 203.0.113.3 0'],
    ...['ban 203.0.113.1 0', 'ban 203.0.113.2 0'],
  ]);
  expect(bench.log).toContain("NOTICE [web] Reban 203.0.113.1, action 'note'");
});

test('a flood of orders is looked up instead of kept', async () => {
  const bench = noting();
  await bench.start(named());
  const many = Array.from({ length: queueLimits.waiting_max + 5 }, (_, i) => banOf(`2001:db8::${i.toString(16)}`));
  await bench.ban(...many);
  expect(new Set(ran(bench)).size).toBe(many.length + 1);
  expect(bench.actions[0]?.failing()).toEqual([]);
});

test('a prolonged ban, and none of one that is not in force', async () => {
  const bench = noting();
  await bench.start(named([...all, 'prolong']));
  await bench.ban(a);
  await bench.tell('prolong', a);
  await bench.tell('prolong', b);
  expect(ran(bench)).toEqual(['start', 'ban 203.0.113.1 0', 'prolong 203.0.113.1 0']);
});

test('commands of one file never run at the same time, those of two files do', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'edgeban-lanes-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  // each writes when it has begun, waits for the other file's action, and looks whether it was alone
  const text = (me: string, other: string) =>
    `[Definition]\nactionban = mkdir ${dir}/${me} || echo two >> ${dir}/clash\n for i in $(seq 200); do [ -e ${dir}/${other}.was ] && break; sleep 0.02; done\n touch ${dir}/${me}.was\n rmdir ${dir}/${me}\n`;
  writeFileSync(join(dir, 'y.was'), '');
  const files = { 'x.conf': text('x', 'y'), 'y.conf': text('y', 'x') };
  const bench = ticketBench();
  rmSync(join(dir, 'y.was'));
  writeFileSync(join(dir, 'x.was'), '');
  await bench.start(...['x', 'x[actname=x2]', 'y'].map((asked) => actionConf(asked, undefined, files)));
  await bench.ban(a, b);
  expect(existsSync(join(dir, 'clash')) && readFileSync(join(dir, 'clash'), 'utf8')).toBe(false);
  expect(bench.actions.flatMap((action) => action.failing())).toEqual([]);
});
