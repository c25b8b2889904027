/** edgeban-regex as its user sees it: layout, counts, lists, formats, exit codes, journals, refusals. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { edgebanRegex, folderOf } from './run-program.ts';

const filter = `[Definition]
prefregex = ^\\s*\\S+ daemon: <F-CONTENT>.+</F-CONTENT>$
failregex = ^bad login of <F-USER>\\S+</F-USER> from <HOST>$
            ^<F-NOFAIL>hello</F-NOFAIL> <F-ID>\\S+</F-ID>$
ignoreregex = of friend from
`;
const jails = '[DEFAULT]\nlogtimezone = UTC+0200\n[mine]\nfilter = daemon\nlogpath = /nowhere\n';
const log = `2026-06-14 11:52:01 h1 daemon: bad login of root from 192.0.2.1
# 2026-06-14 11:52:01 h1 daemon: bad login of root from 192.0.2.1

2026-06-14 11:52:02 h1 daemon: bad login of friend from 192.0.2.2
2026-06-14 11:52:03 h1 daemon: hello 192.0.2.3
2026-06-14 11:52:04 h1 daemon: nothing
2026-06-14 11:52:05 h1 daemon: bad login of bob from two.example
2026-06-14 11:52:06 h1 daemon: bad login of eve from 192.0.2.9`;
const folder = folderOf({ 'filter.d/daemon.conf': filter, 'jail.conf': jails, 'my.conf': filter, log });
const path = join(folder, 'log');
const hosts = { 'two.example': ['192.0.2.7', '2001:db8::7'] };

function run(...argv: string[]) {
  return edgebanRegex(['-c', folder, ...argv], { hosts });
}

describe('the report', () => {
  it('counts as fail2ban-regex counts', async () => {
    const { code, out } = await run('--print-all-matched', path, 'filter.d/daemon.conf');
    expect(code).toBe(0);
    expect(out).toContain(`Use      filter file : daemon, basedir: ${folder}\nUse         log file : ${path}\n`);
    expect(out).toContain('Prefregex: 5 total\n|  ^\\s*\\S+ daemon: (?P<content>.+)$\n`-\n');
    expect(out).toContain('Failregex: 4 total\n|-  #) [# of hits] regular expression\n|   1) [3] ^bad login');
    expect(out).toContain('|   2) [1] ^<F-NOFAIL>hello');
    expect(out).toContain('Ignoreregex: 1 total\n');
    expect(out).toContain('Date template hits:\n|- [# of hits] date format\n|  [5] {^LN-BEG}ExYear');
    expect(out).toContain('Lines: 5 lines, 2 ignored, 2 matched, 1 missed\n');
    expect(out).toContain('|- Missed line(s):\n|  2026-06-14 11:52:04 h1 daemon: nothing\n`-');
    expect(out).toContain('|- Matched line(s):\n|  2026-06-14 11:52:01');
  });

  it('lists addresses and unused regexes with -v, and says which of several hit', async () => {
    const { out } = await run('-v', '-r', path, 'my <HOST>', 'nothing');
    expect(out).toContain('|   1) [0] my <HOST>\n');
    const both = await run('-v', '2026-06-14 11:52:01 a 192.0.2.1', 'filter.d/daemon.conf');
    expect(both.out).toContain('|   2) [0] ^<F-NOFAIL>');
  });

  it('prints no longer list than asked for', async () => {
    const many = folderOf({ log: '2026-06-14 11:52:04 x\n'.repeat(21) });
    const { out } = await run(join(many, 'log'), 'y <HOST>');
    expect(out).toContain('Missed line(s): too many to print.  Use --print-all-missed to print all 21 lines');
    const all = await run('--print-all-missed', join(many, 'log'), 'y <HOST>');
    expect(all.out.match(/11:52:04 x/g)).toHaveLength(21);
  });

  it('finds jails before filters, and files that belong to no configuration', async () => {
    expect((await run(path, 'mine')).out).toContain('Use             jail : mine\n');
    expect((await run(path, join(folder, 'my.conf'))).out).toContain(`Use      filter file : ${folder}/my.conf\n`);
  });

  it('counts the lines of a match that takes several', async () => {
    const regex = '^first (?P<user>\\w+)<SKIPLINES>^second <HOST>$';
    const { out } = await run('-L', '3', '-d', '{NONE}', 'first bob\nnoise\nsecond 192.0.2.1', regex);
    expect(out).toContain('Use         maxlines : 3\n');
    expect(out).toContain('Use      multi line : 3 line(s)\n|  1: first bob\n');
    expect(out).toContain('Lines: 3 lines, 0 ignored, 2 matched, 1 missed');
  });

  it('makes control characters of a line harmless', async () => {
    const { out } = await run('\x1b[31mred', 'y <HOST>');
    expect(out).toContain('[31mred');
  });
});

describe('-o', () => {
  it.each([
    ['id', '192.0.2.1\n192.0.2.7\n2001:db8::7\n'],
    ['user', 'root\nbob\nbob\n'],
    ['<F-USER>@<ip> <family> <time> <nothing>', /^root@192\.0\.2\.1 inet4 \d+\.0 <nothing>\nbob@192/],
    ['msg', /^2026-06-14 11:52:01 h1 daemon: bad login of root from 192\.0\.2\.1\n2026/],
    ['row', /^\['192\.0\.2\.1',\t\d+\.0,\t\{'user': 'root', 'ip4': '192\.0\.2\.1'\}\],\n/],
  ])('%s', async (format, expected) => {
    const { code, out } = await run('-o', format, path, 'filter.d/daemon.conf');
    expect(code).toBe(0);
    if (typeof expected === 'string') expect(out).toBe(expected);
    else expect(out).toMatch(expected);
  });

  it('json tells the verdict on every line, as the server would judge it', async () => {
    const { out } = await run('-o', 'json', '--timezone', 'UTC', path, 'mine');
    const verdicts = out
      .trim()
      .split('\n')
      .map((text): unknown => JSON.parse(text));
    const found = { ip: '192.0.2.1', family: 'inet4', time: Date.UTC(2026, 5, 14, 11, 52, 1) / 1000, regex: 0 };
    expect(verdicts[0]).toEqual({
      line: 1,
      status: 'match',
      failures: [{ fid: '192.0.2.1', ...found, groups: { ip4: '192.0.2.1', user: 'root' } }],
    });
    expect(verdicts).toMatchObject([
      { status: 'match' },
      { status: 'missed' },
      { status: 'missed' },
      { status: 'ignored' },
      { status: 'nofail' },
      { status: 'missed' },
      { status: 'match', failures: [{ fid: '192.0.2.7' }, { fid: '2001:db8::7' }] },
      { line: 8, status: 'match' },
    ]);
  });
});

describe('what else it tells', () => {
  it('prints the lines that give no failure with -i', async () => {
    const { out } = await run('-i', '-o', 'msg', path, 'filter.d/daemon.conf');
    expect(out.match(/daemon: .*/g)).toEqual([
      'daemon: bad login of friend from 192.0.2.2',
      'daemon: hello 192.0.2.3',
      'daemon: nothing',
    ]);
    const json = await run('-i', '-o', 'json', path, 'filter.d/daemon.conf');
    expect(json.out).not.toContain('"match"');
    expect(json.out).toContain('"ignored"');
  });

  it('takes the encoding for that of a file, not of the command line', async () => {
    const said = 'Nov 23 10:00:00 l\u00f6gin from 192.0.2.9';
    const file = join(folderOf({ log: '' }), 'log');
    writeFileSync(file, Buffer.from(`${said}\n`, 'latin1'));
    for (const log of [said, file])
      expect(await run('-e', 'latin1', '-o', 'msg', log, 'l\u00f6gin from <HOST>$')).toMatchObject({
        out: `${said}\n`,
      });
  });

  it('asks for the name of an address where it is wanted', async () => {
    const { out } = await run('-o', '<ip> <ip-host> <fq-hostname> <sh-hostname>', path, 'filter.d/daemon.conf');
    expect(out).toContain('192.0.2.1 None host.example host\n192.0.2.7 two.example host.example host\n');
  });

  it('tells how it came to a verdict with -l, and from where with -t', async () => {
    const plain = await run('-l', 'heavydebug', path, 'filter.d/daemon.conf');
    expect(plain.out).toMatch(/: INFO {6}Loading files: \['.*daemon\.conf'\]/);
    expect(plain.out).toMatch(/: TRACE {3}Working on line '2026-06-14 11:52:03 h1 daemon: hello 192\.0\.2\.3'/);
    expect(plain.out).toMatch(/: HEAVY {5}got time \d+\.000000 using template \{\^LN-BEG\}ExYear/);
    expect(plain.out).toMatch(/: TRACE {5}Pre-filter matched \{'content': 'hello 192\.0\.2\.3'\}/);
    expect(plain.out).toMatch(/: TRACE {5}Matched failregex 1: .*\n.*Nofail in regex 1/);
    expect(plain.out).toMatch(/: TRACE {5}Matched ignoreregex 0 and was ignored/);
    expect(plain.out).toContain("Real  filter options : {'logtype': 'file'");
    const quiet = await run('-l', 'warning', path, 'filter.d/daemon.conf');
    expect(quiet.out).not.toContain('TRACE');
    const short = await run('-l', 'info', '-t', path, 'filter.d/daemon.conf');
    expect(short.out).toMatch(/INFO {4}\.\.\.|INFO {4}\w[\w-]*:[\d,]+>/);
    const full = await run('-l', 'info', '--full-traceback', path, 'filter.d/daemon.conf');
    expect(full.out).toMatch(/INFO {4}.*program:[\d,]+.*: {3}Loading files/);
  });
});

describe('a saved journal', () => {
  const fields = { _HOSTNAME: 'h1', SYSLOG_IDENTIFIER: 'daemon', MESSAGE: 'bad login of root from 192.0.2.1' };
  const entry = { __CURSOR: 's=0', __REALTIME_TIMESTAMP: '1781437923000000', ...fields };
  const binary = { ...entry, MESSAGE: [...Buffer.from('bad login of \xff from 192.0.2.4', 'latin1')] };
  const exported = Object.entries(entry)
    .map(([name, value]) => `${name}=${value}\n`)
    .join('')
    .replace('s=0', 's=0;i=1');

  it.each([
    ['json', `${JSON.stringify(entry)}\n${JSON.stringify(binary)}\n`, '192.0.2.1\n192.0.2.4\n'],
    ['export', `${exported}\n${exported}`, '192.0.2.1\n192.0.2.1\n'],
  ])('in %s', async (_, text, expected) => {
    const saved = join(folderOf({ saved: text }), 'saved');
    const { out } = await run('-o', 'id', saved, 'filter.d/daemon.conf');
    expect(out).toBe(expected);
  });

  it('is UTF-8, whatever the encoding', async () => {
    const text = JSON.stringify({ ...entry, MESSAGE: 'bad login of José from 192.0.2.1' });
    const saved = join(folderOf({ saved: `${text}\n` }), 'saved');
    const { out } = await run('-e', 'latin1', '-o', 'id', saved, 'José from <ADDR>');
    expect(out).toBe('192.0.2.1\n');
  });
});

describe('what is wrong', () => {
  it.each([
    [['a'], 255, 'provide both <LOG> and <REGEX>'],
    [['--nope', 'a', 'b'], 2, 'no such option: --nope'],
    [['--print-all', 'a', 'b'], 2, 'ambiguous option: --print-all'],
    [['-L', 'x', 'a', 'b'], 2, "invalid integer value: 'x'"],
    [['-i', 'a', 'b'], 255, '-i tells which lines -o prints'],
    [['-l', 'loud', 'a', 'b'], 2, "Invalid log level 'loud'"],
    [['-o', '<bantime>', 'a <HOST>', 'b <HOST>'], 2, '<bantime> is known only in a jail that runs'],
  ])('%j', async (argv, code, message) => {
    const printed = await run(...argv);
    expect(printed.code).toBe(code);
    expect(printed.err).toContain(message);
  });

  it.each([
    [['a', 'b'], 'no failure-id group'],
    [['a', 'b <HOST>['], 'unterminated character set'],
    [['-d', '%q', 'a', 'b <HOST>'], 'datepattern'],
    [['--timezone', 'foo', 'a', '<HOST>'], 'no known time zone'],
    [['-e', 'klingon', 'a', '<HOST>'], 'encoding'],
    [['systemd-journal[journalflags=99]', '<HOST>'], 'journalflags'],
    [['a', 'mine[[]'], 'Wrong filter name or options'],
  ])('%j', async (argv, message) => {
    const printed = await run(...argv);
    expect(printed.code).toBe(255);
    expect(printed.out).toContain('ERROR: ');
    expect(printed.out).toContain(message);
  });
});

it('unpacks a compressed log, and reads UTF-16', async () => {
  const folder = folderOf({});
  const text = 'from 192.0.2.1\r\nfrom 192.0.2.2\r\n';
  const wide = Buffer.from(`\ufeff${text}`, 'utf16le');
  const logs = { 'a.gz': gzipSync(text), 'b.zst': zstdCompressSync(wide), c: wide };
  for (const [name, bytes] of Object.entries(logs)) {
    writeFileSync(join(folder, name), bytes);
    const options = name === 'a.gz' ? [] : ['-e', 'utf-16'];
    const { out } = await edgebanRegex([...options, '-d', '{NONE}', '-o', 'ip', join(folder, name), '^from <HOST>$']);
    expect(out).toBe('192.0.2.1\n192.0.2.2\n');
  }
});

it('sees each line of a long file whole, wherever the pieces end in which it is read', async () => {
  const address = (line: number) => `10.0.${line >> 8}.${line & 255}`;
  const ends = ['\n', '\r\n', '\n\n'];
  const line = (number: number) => {
    const user = number === 4_000 ? 'x'.repeat(600_000) : number > 7_000 ? 'jürgen' : 'root';
    return `2026-06-14 11:52:06 h1 daemon: bad login of ${user} from ${address(number)}${ends[number % 3]}`;
  };
  const numbers = Array.from({ length: 9_000 }, (_, number) => number);
  const long = folderOf({ log: numbers.map(line).join('') });
  const { out } = await run('-o', 'id', join(long, 'log'), 'of \\S+ from <HOST>$');
  // the filter sees no more than the begin of the longest
  expect(out.split('\n').slice(0, -1)).toEqual(numbers.filter((number) => number !== 4_000).map(address));
});

it('shows how far it is on a terminal', async () => {
  const { progress } = await edgebanRegex(['-c', folder, path, 'y <HOST>'], { terminal: true, tick_ms: 2_000 });
  expect(progress[0]).toMatch(/^\[#+\] 100 % {2}7 lines, 0 s left$/);
  expect(progress.at(-1)).toBe('');
});
