/** The commands that are executed, in their order, are those that fail2ban's own code executes. */
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { commandSteps } from '../../host-agent/actions/command-steps.ts';
import { Lifecycle } from '../../host-agent/actions/lifecycle.ts';
import type { Ticket, TicketJail, TicketWorld } from '../../host-agent/actions/ticket-action.ts';
import { familyOf } from '../../host-agent/actions/ticket-tags.ts';
import type { ActionConf } from '../../shared/config/action-conf.ts';
import type { Ban } from '../../shared/ticket.ts';
import { checkout } from '../config/oracle.ts';
import { randomOf } from '../random.ts';
import { actionConf, banOf } from './action-conf.ts';

type Step =
  | { readonly do: 'start' | 'stop' | 'flush' | 'check' }
  | { readonly do: 'ban' | 'unban' | 'prolong' | 'reban'; readonly ban: Ban };

interface Question {
  readonly file: string;
  readonly options: Readonly<Record<string, string>>;
  readonly steps: readonly Step[];
  readonly results: readonly boolean[];
}

const now = 1_700_000_100;
const silent = { error: () => undefined, notice: () => undefined, info: () => undefined };

/** What fail2ban executes, each as the script with its values put in. */
function theirs(path: string, dir: string, questions: readonly Question[]): (string[] | string)[] {
  const input = JSON.stringify(questions.map((question) => ({ ...question, dir, now })));
  const env = { ...process.env, FAIL2BAN: path };
  const script = join(import.meta.dirname, 'lifecycle-oracle.py');
  const { stdout, stderr, status } = spawnSync('python3', [script], {
    input,
    env,
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  });
  if (status !== 0) throw new Error(stderr);
  const answers: ({ error: string } | string[][])[] = JSON.parse(stdout);
  return answers.map((answer) => {
    if ('error' in answer) return answer.error;
    return answer.filter(([command]) => command !== '!').map(([command = '', ...values]) => filled(command, values));
  });
}

/** The script with its variables replaced: fail2ban writes $name and $0, we ${name} and ${0}. */
function filled(script: string, values: readonly string[]): string {
  const [first = '', ...rest] = script.split('\n');
  const assigned = [...first.matchAll(/(f2bV_\w+)=\$\{?(\d+)\}?/g)];
  if (assigned.length === 0) return script;
  let text = rest.join('\n');
  for (const [, name = '', index = ''] of assigned.toSorted((a, b) => (b[1] ?? '').length - (a[1] ?? '').length)) {
    text = text.replaceAll(`\${${name}}`, () => values[Number(index)] ?? '');
    text = text.replaceAll(`$${name}`, () => values[Number(index)] ?? '');
  }
  return text;
}

async function ours(conf: ActionConf, { steps, results }: Question): Promise<string[]> {
  const left = [...results];
  const done: string[] = [];
  const jail: TicketJail = {
    name: 'web',
    held: () => [],
    ban: () => null,
    history: () => [],
    bantime: () => 600,
    figures: () => ({ banned: 0, banned_total: 0, found: 0, found_total: 0 }),
  };
  const world: TicketWorld = {
    ledger: { owners: () => [], marks: () => [], set: () => undefined, drop: () => undefined, clear: () => undefined },
    voices: { actions: silent, utils: silent },
    names: { full: 'host.example', short: 'host' },
    boot: '',
    now: () => now,
    commandsCpu_ms: () => 0,
    nameOf: async () => 'ptr.example',
    run: async ({ script, values }) => {
      done.push(filled(script, values));
      return { kind: 'code', code: (left.shift() ?? true) ? 0 : 1, said: '' };
    },
  };
  const lifecycle = new Lifecycle(commandSteps(conf, jail, world), silent, () => undefined);
  for (const step of steps) await play(lifecycle, step);
  return done;
}

async function play(lifecycle: Lifecycle, step: Step): Promise<unknown> {
  if (!('ban' in step)) return step.do === 'check' ? lifecycle.consistent() : lifecycle[step.do]();
  const ticket: Ticket = { ban: step.ban, family: familyOf(step.ban), restored: false };
  if (step.do === 'ban' || step.do === 'reban')
    return lifecycle.ban(ticket, step.do === 'ban' ? 'actionban' : 'actionreban');
  return lifecycle[step.do](ticket);
}

const hostile = banOf('203.0.113.7', {
  matches: ["line 'one' $(id)", 'line "two" `id` \\ end'],
  groups: { user: 'ro;ot', fid: 'x' },
  count: 2,
});
const plain = banOf('2001:db8::7', { matches: ['one', 'two'], groups: { user: 'root' } });
const all: readonly Step[] = [
  { do: 'start' },
  { do: 'ban', ban: hostile },
  { do: 'ban', ban: plain },
  { do: 'prolong', ban: plain },
  { do: 'unban', ban: hostile },
  { do: 'reban', ban: hostile },
  { do: 'check' },
  { do: 'flush' },
  { do: 'stop' },
];

describe('beside fail2ban', () => {
  test('every action of its stock configuration', async (context) => {
    const path = checkout(context);
    const dir = join(path, 'config');
    const files = readdirSync(join(dir, 'action.d')).filter((name) => /^(?!.*-common).*\.conf$/.test(name));
    const questions = files.map((name): Question => {
      return { file: name.replace('.conf', ''), options: { port: 'ssh,2222', name: 'web' }, steps: all, results: [] };
    });
    const expected = theirs(path, dir, questions);
    for (const [index, question] of questions.entries()) {
      const conf = actionConf(`${question.file}[port="ssh,2222"]`, join(dir, 'action.d'));
      expect([question.file, await ours(conf, question)]).toEqual([question.file, expected[index]]);
    }
    expect(questions.length).toBeGreaterThan(50);
  });

  test('every tag', async (context) => {
    const path = checkout(context);
    const tags = [
      ...['ip', 'fid', 'family', 'ip-rev', 'ip-host', 'failures', 'time', 'bantime', 'bancount', 'restored', 'matches'],
      ...[
        'ipmatches',
        'ipjailmatches',
        'ipfailures',
        'ipjailfailures',
        'raw-ticket',
        'F-USER',
        'F-ID',
        'F-PORT',
        'F-NONE',
      ],
      ...[
        'jail.banned',
        'jail.banned_total',
        'jail.found',
        'jail.found_total',
        'fq-hostname',
        'sh-hostname',
        'br',
        'sp',
      ],
      ...['name', 'outer', 'unknown', 'timeout', 'actname'],
    ];
    const textOf = (some: readonly string[]) => some.map((tag) => `${tag}="<${tag}>"`).join(' ');
    // without a ban fail2ban asks the DNS for the name of nothing
    const own = textOf(tags.filter((tag) => tag !== 'ip-host' && tag !== 'raw-ticket'));
    const conf = `[Definition]\nactionstart = start ${own}\nactionban = ban ${textOf(tags)}\n[Init]\nouter = (<inner>)\ninner = <ip>\ntimeout = 2m\n`;
    const dir = folderOf({ 'tags.conf': conf });
    const bans = [
      ...[hostile, plain, banOf('203.0.113.9', { at: 1_700_000_000.25, bantime: -1, matches: ['röot\ttab'] })],
      ...[banOf('no address; $(id)', { ip: null, groups: { user: 'x y' } }), banOf('2001:db8::ffff:1')],
    ];
    const question = { file: 'tags', options: { name: 'web' }, results: [] };
    const steps: readonly Step[] = [{ do: 'start' }, ...bans.map((ban): Step => ({ do: 'ban', ban }))];
    const [expected] = theirs(path, dir, [{ ...question, steps }]);
    expect(await ours(actionConf('tags', join(dir, 'action.d')), { ...question, steps })).toEqual(expected);
  });

  test('what fails is checked, repaired or begun anew, and tried once more', async (context) => {
    const path = checkout(context);
    const commands = (names: readonly string[]) =>
      names.map((name) => `action${name} = ${name} <name>${tags(name)}`).join('\n');
    // fail2ban fills in no tags of a ban where it checks
    const tags = (name: string) =>
      /check|repair/.test(name) ? ' <kind>' : ` <family>${/ban|prolong/.test(name) ? ' <ip>' : ''}`;
    const base = ['start', 'stop', 'ban', 'unban', 'check', 'flush'];
    const variants: Record<string, string> = {
      plain: `[Definition]\n${commands(['start', 'stop', 'ban', 'unban'])}\n`,
      checked: `[Definition]\n${commands(base)}\n`,
      families: `[Definition]\n${commands(base)}\n[Init]\nkind = four\n[Init?family=inet6]\nkind = six\n`,
      repaired: `[Definition]\n${commands([...base, 'repair', 'reban', 'prolong'])}\nactionrepair_on_unban = true\n`,
      demand: `[Definition]\n${commands(base)}\nactionstart_on_demand = true\n`,
      // (with a check fail2ban would never run `begin` again after `end`: queue.test.ts has what edgeban does)
      same: '[Definition]\nactionstart = begin\nactionstop = end\nactionban = ban <ip> <k>\n[Init]\nk=4\n[Init?family=inet6]\nk=6\n',
    };
    const files = Object.fromEntries(Object.entries(variants).map(([name, text]) => [`${name}.conf`, text]));
    const random = randomOf(20_261_123);
    const questions = Object.keys(variants).flatMap((file) =>
      Array.from({ length: 60 }, (): Question => {
        const results = Array.from({ length: 60 }, () => random() < 0.7);
        return { file, options: { name: 'web' }, steps: randomSteps(random), results };
      }),
    );
    const dir = folderOf(files);
    const expected = theirs(path, dir, questions);
    const confs = new Map(Object.keys(variants).map((file) => [file, actionConf(file, join(dir, 'action.d'))]));
    for (const [index, question] of questions.entries()) {
      const conf = confs.get(question.file) ?? actionConf(question.file);
      expect([question, await ours(conf, question)]).toEqual([question, expected[index]]);
    }
  });
});

/** A configuration folder with these files in action.d. */
function folderOf(files: Readonly<Record<string, string>>): string {
  const dir = mkdtempSync(join(tmpdir(), 'edgeban-lifecycle-'));
  onTestFinished(() => rmSync(dir, { recursive: true }));
  mkdirSync(join(dir, 'action.d'));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, 'action.d', name), text);
  return dir;
}

function randomSteps(random: () => number): Step[] {
  const bans = [banOf('203.0.113.7'), banOf('203.0.113.8'), banOf('2001:db8::7')];
  const middle = Array.from({ length: 8 }, (): Step => {
    const kinds = ['ban', 'ban', 'ban', 'unban', 'reban', 'prolong', 'check', 'flush'] as const;
    const kind = kinds[Math.floor(random() * kinds.length)] ?? 'ban';
    if (kind === 'check' || kind === 'flush') return { do: kind };
    return { do: kind, ban: bans[Math.floor(random() * bans.length)] ?? hostile };
  });
  return [{ do: 'start' }, ...middle, { do: 'flush' }, { do: 'stop' }];
}
