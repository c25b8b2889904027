/** Which sources run for which jails: each log is read once, whatever reads it. */

import { afterEach, expect, it } from 'vitest';
import { edgeRules, type JailPlan, type SourcePlan, sourceName } from '../../host-agent/agent/plan.ts';
import { Sources } from '../../host-agent/agent/sources.ts';
import { usualPlanes } from '../../shared/config/planes.ts';

const made: { plan: SourcePlan; jails: readonly string[]; isRunning: boolean }[] = [];
const sources = new Sources({
  create: (plan, jails) => {
    const one = { plan, jails, isRunning: true };
    made.push(one);
    const run = async (_: unknown, signal: AbortSignal) => {
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      one.isRunning = false;
    };
    return { name: sourceName(plan), run };
  },
  take: () => Promise.resolve(),
  failed: (name, reason) => expect.unreachable(`${name}: ${reason}`),
});

afterEach(async () => {
  await sources.close();
  made.length = 0;
});

function jail(name: string, options: Partial<JailPlan>): JailPlan {
  const nothing = {
    failregex: [{ regex: '^<HOST>' }],
    ignoreregex: [],
    prefregex: null,
    maxlines: 1,
    datepattern: null,
  };
  return {
    ...{
      name,
      rules: edgeRules,
      bantimeExtra: {},
      ignoreip: [],
      spareActions: [],
      ignorecommand: null,
      ignorecache: null,
      logencoding: 'auto',
    },
    filter: { ...nothing, logtimezone: null, usedns: 'warn', findtime: 600 },
    ...{
      backend: 'auto',
      logpath: [],
      journalmatch: [],
      journalOptions: {},
      actions: [],
      planes: usualPlanes,
      fleet: false,
    },
    ...options,
  };
}

const running = () => made.filter((one) => one.isRunning).map(({ plan }) => plan);
const log = (tail = false) => [{ path: '/var/log/some.log', tail }];

it('reads a file once for jails of different backends, woken if one of them would be', async () => {
  const polling = jail('a', { backend: 'polling', logpath: log() });
  await sources.follow([polling]);
  expect(running()).toEqual([{ kind: 'file', path: '/var/log/some.log', tail: false, wake: false, wide: null }]);
  await sources.follow([polling, jail('b', { backend: 'pyinotify', logpath: log() })]);
  expect(running()).toEqual([{ kind: 'file', path: '/var/log/some.log', tail: false, wake: true, wide: null }]);
  expect(made.at(-1)?.jails).toEqual(['a', 'b']);
});

it('keeps apart who begins at the end, and the places where they stopped', async () => {
  await sources.follow([jail('a', { logpath: log() }), jail('b', { logpath: log(true) })]);
  expect(new Set(running().map(sourceName))).toHaveLength(2);
});

it('reads the journal once for equal matches and options, and apart for others', async () => {
  const match = { backend: 'systemd', journalmatch: ['_COMM=sshd'] };
  const [a, b] = [jail('a', match), jail('b', match)];
  await sources.follow([a, b, jail('c', { ...match, journalOptions: { namespace: 'mail' } })]);
  expect(made.map(({ jails }) => jails)).toEqual([['a', 'b'], ['c']]);
  await sources.follow([b]);
  expect(running()).toHaveLength(1);
});

it('cuts other lines out of a log for a jail that reads UTF-16, and one source serves all names of it', async () => {
  const logpath = [{ path: '/var/log/mixed', tail: false }];
  const [bytes, wide] = [{ logpath }, { logpath, logencoding: 'UTF-16LE' }];
  await sources.follow([jail('a', bytes), jail('b', wide), jail('c', { ...wide, logencoding: 'utf_16_le' })]);
  expect(made.map(({ plan, jails }) => [sourceName(plan), jails])).toEqual([
    ['file:/var/log/mixed', ['a']],
    ['file:/var/log/mixed utf-16-le', ['b', 'c']],
  ]);
});
