/** A filter from line to failure: tags, ids, order of regexes, sessions, several lines, times, limits, refusals. */
import { describe, expect, it } from 'vitest';
import { EdgebanError } from '../../shared/errors.ts';
import { createFilter, type Filter, type FilterConf, failuresOf, type LineMode } from '../../shared/filter/filter.ts';
import { line_bytes_max } from '../../shared/filter/limits.ts';
import { bytesOf, filterOf, portsWith, startTime } from './kit.ts';

const now = startTime;

/** Lines of a journal: the time is known. */
function feed(filter: Filter, text: string, time = now) {
  return filter.process({ bytes: bytesOf(text), time }, now);
}

function ids(failregex: string, text: string, conf: Partial<FilterConf> = {}) {
  return feed(filterOf([failregex], conf), text).failures.map(({ id, ip }) => [id, ip]);
}

describe('tags and ids', () => {
  it.each([
    ['from <HOST>$', 'from 192.0.2.1', [['192.0.2.1', '192.0.2.1']]],
    ['from <HOST>$', 'from [2001:DB8::1]', [['2001:db8::1', '2001:db8::1']]],
    ['from <ADDR>$', 'from ::ffff:192.0.2.1', [['192.0.2.1', '192.0.2.1']]],
    ['from <ADDR>$', 'from host.example', []],
    ['from <IP4>$', 'from 2001:db8::1', []],
    ['from <IP6>$', 'from 2001:db8::1', [['2001:db8::1', '2001:db8::1']]],
    ['from <SUBNET>$', 'from 192.0.2.77/24', [['192.0.2.0/24', '192.0.2.0/24']]],
    ['from <ADDR>/<CIDR>$', 'from 2001:db8:1::77/48', [['2001:db8:1::/48', '2001:db8:1::/48']]],
    ['from <HOST>$', 'from 999.1.1.1', [['999.1.1.1', null]]],
    ['from <HOST>$', 'from 010.1.1.1', [['010.1.1.1', null]]],
    ['user <F-ID/>$', 'user bob', [['bob', null]]],
    ['user <F-ID>\\S+</F-ID> from <ADDR>$', 'user bob from 192.0.2.1', [['bob', '192.0.2.1']]],
    ['user <F-ID>\\S+</F-ID> <F-TUPLE_ID>\\S+</F-TUPLE_ID>$', 'user bob db1', [["('bob', 'db1')", null]]],
    ['<F-ID>192\\S+</F-ID>$', '192.0.2.1', [['192.0.2.1', '192.0.2.1']]],
  ])('%s: %s', (regex, text, expected) => {
    expect(ids(regex, text)).toEqual(expected);
  });

  it('keeps what other tags caught, alternatives under one name', () => {
    const regex = '(?:user=<F-USER>\\w*</F-USER>|login <F-ALT_USER_2>\\w+</F-ALT_USER_2>) <HOST>:<F-PORT/>';
    const [failure] = feed(filterOf([regex]), 'login bob 192.0.2.1:22').failures;
    expect(failure?.groups).toEqual({ user: 'bob', alt_user_2: 'bob', ip4: '192.0.2.1', fport: '22' });
  });

  it('takes usedns = raw ids as they stand', () => {
    expect(ids('from <HOST>$', 'from host.example', { usedns: 'raw' })).toEqual([['host.example', null]]);
    expect(ids('from <F-ID>\\S+</F-ID>$', 'from 2001:DB8::1', { usedns: 'raw' })).toEqual([['2001:DB8::1', null]]);
  });
});

describe('names', () => {
  it('makes one failure of each address', () => {
    const ports = portsWith({
      resolve: (name) => (name === 'a.example' ? ['192.0.2.1', '2001:db8::1', '192.0.2.1', 'junk'] : []),
    });
    const filter = filterOf(['from <HOST>$'], {}, ports);
    expect(feed(filter, 'from a.example').failures.map(({ id }) => id)).toEqual(['192.0.2.1', '2001:db8::1']);
    expect(feed(filter, 'from b.example')).toMatchObject({ status: 'nofail', failures: [], hits: [0] });
  });

  it('hands out what waits for an answer', () => {
    const filter = filterOf(['user <F-USER>\\w+</F-USER> from <HOST>$'], {}, portsWith({ resolve: () => 'pending' }));
    const result = feed(filter, 'user bob from a.example');
    expect(result).toMatchObject({ status: 'nofail', failures: [] });
    const [pending] = result.pending;
    expect(pending?.name).toBe('a.example');
    const late = pending === undefined ? [] : failuresOf(pending, ['192.0.2.9']);
    expect(late).toMatchObject([{ id: '192.0.2.9', ip: '192.0.2.9', time: now, groups: { user: 'bob' } }]);
  });

  it.each(['no', 'raw'] as const)('asks nobody with usedns = %s', (usedns) => {
    const resolve = () => {
      throw new Error('asked');
    };
    feed(filterOf(['from <HOST>$'], { usedns }, portsWith({ resolve })), 'from a.example');
  });
});

describe('order', () => {
  it('takes the first failregex that hits, or all', () => {
    const regexes = ['from <HOST>', 'bad from <HOST>'];
    expect(feed(filterOf(regexes), 'bad from 192.0.2.1').hits).toEqual([0]);
    expect(feed(filterOf(regexes, { checkAllRegex: true }), 'bad from 192.0.2.1').hits).toEqual([0, 1]);
  });

  it('shows the failregexes only the content, and lets their groups win', () => {
    const conf = { prefregex: { regex: '^<F-USER>\\w+</F-USER> <F-CONTENT>.+</F-CONTENT> end$' } };
    const filter = filterOf(['^from <HOST>$', '^for (?P<user>\\w+) from <HOST>$'], conf);
    expect(feed(filter, 'bob from 192.0.2.1 end').failures).toMatchObject([{ groups: { user: 'bob' } }]);
    expect(feed(filter, 'bob for eve from 192.0.2.1 end').failures).toMatchObject([{ groups: { user: 'eve' } }]);
    expect(feed(filter, 'from 192.0.2.1')).toMatchObject({ status: 'missed', prefregex: false });
  });

  it('keeps what the prefregex caught where the failregex catches nothing of that name', () => {
    const conf = { prefregex: { regex: '^auth(?:\\(<ADDR>\\))?: <F-CONTENT>.+</F-CONTENT>$' } };
    const filter = filterOf(['^(?:sql\\(<ADDR>\\): )?unknown$'], conf);
    expect(feed(filter, 'auth(192.0.2.1): unknown').failures).toMatchObject([{ id: '192.0.2.1' }]);
    expect(feed(filter, 'auth(192.0.2.1): sql(192.0.2.2): unknown').failures).toMatchObject([{ id: '192.0.2.2' }]);
  });

  it('asks ignoreregex after a hit, about the content; with few of them before it, about the whole line', () => {
    const prefregex = { regex: '^\\w+ <F-CONTENT>.+</F-CONTENT>$' };
    const conf = { prefregex, ignoreregex: [{ regex: '^good' }] };
    expect(feed(filterOf(['from <HOST>$'], conf), 'good from 192.0.2.1').status).toBe('match');
    expect(feed(filterOf(['from <HOST>$'], conf), 'x good from 192.0.2.1')).toMatchObject({
      status: 'ignored',
      ignoredBy: 0,
    });
    const four = ['from <HOST>$', 'a <HOST>', 'b <HOST>', 'c <HOST>'];
    expect(feed(filterOf(four, conf), 'good from 192.0.2.1')).toMatchObject({ status: 'ignored', hits: [] });
  });

  it('counts a named nofail without a session as no failure', () => {
    expect(feed(filterOf(['<F-NOFAIL>ok</F-NOFAIL> <HOST>']), 'ok 192.0.2.1')).toMatchObject({
      status: 'nofail',
      failures: [],
    });
  });
});

describe('sessions', () => {
  const session = () =>
    filterOf(
      [
        '^connect from <HOST>$',
        '^user <F-USER>\\w+</F-USER> failed$',
        '^<F-NOFAIL>key</F-NOFAIL> of <F-USER>\\w+</F-USER>$',
        '^<F-MLFGAINED>welcome</F-MLFGAINED> <F-USER>\\w+</F-USER>$',
        '^<F-MLFFORGET><F-NOFAIL>bye</F-NOFAIL></F-MLFFORGET>$',
      ],
      { prefregex: { regex: '^<F-MLFID>\\[\\d+\\]</F-MLFID> <F-CONTENT>.+</F-CONTENT>$' } },
    );

  it('waits for the id, then gives it to all that comes', () => {
    const filter = session();
    expect(feed(filter, '[1] user bob failed').status).toBe('multi');
    const [failure] = feed(filter, '[1] connect from 192.0.2.1').failures;
    expect(failure).toMatchObject({ id: '192.0.2.1', users: ['bob'] });
    expect(failure?.matches).toHaveLength(2);
    expect(feed(filter, '[1] user bob failed').failures).toMatchObject([{ id: '192.0.2.1' }]);
    expect(feed(filter, '[2] user bob failed').status).toBe('multi');
  });

  it('does not count a key of one user, and does when a second user shows up', () => {
    const filter = session();
    expect(feed(filter, '[1] key of bob').status).toBe('nofail');
    expect(feed(filter, '[1] key of eve').status).toBe('multi');
  });

  it('forgets at the end', () => {
    const filter = session();
    feed(filter, '[1] connect from 192.0.2.1');
    expect(feed(filter, '[1] bye').status).toBe('nofail');
    expect(feed(filter, '[1] user bob failed').status).toBe('multi');
  });

  it('remembers a hundred sessions for five minutes', () => {
    const filter = session();
    feed(filter, '[0] connect from 192.0.2.1');
    for (let id = 1; id < 100; id += 1) feed(filter, `[${id}] key of bob`);
    expect(feed(filter, '[0] user bob failed').status).toBe('match');
    feed(filter, '[100] key of bob');
    expect(feed(filter, '[0] user bob failed').status).toBe('multi');
    const late = filter.process({ bytes: bytesOf('[99] user bob failed'), time: now + 301 }, now + 301);
    expect(late.status).toBe('multi');
  });
});

describe('several lines', () => {
  it('matches over maxlines and keeps the skipped lines', () => {
    const filter = filterOf(['^fail of (?P<user>\\w+)<SKIPLINES>^from <HOST>$'], { maxlines: 3 });
    expect(feed(filter, 'fail of bob').status).toBe('missed');
    expect(feed(filter, 'noise').status).toBe('missed');
    const [failure] = feed(filter, 'from 192.0.2.1').failures;
    expect(failure?.matches.map((match) => match.slice(-12).trim())).toEqual(
      ['fail of bob', 'm 192.0.2.1'].map((text) => expect.stringContaining(text)),
    );
    expect(feed(filter, 'from 192.0.2.2').status).toBe('missed');
  });

  it('takes skipped text apart where Python ends lines, so that one with a form feed is not found again', () => {
    const filter = filterOf(['^fail of (?P<user>\\w+)<SKIPLINES>^from <HOST>$'], { maxlines: 3 });
    for (const text of ['fail of bob', 'noi\fse']) feed(filter, text);
    expect(feed(filter, 'from 192.0.2.1').failures[0]?.matches).toHaveLength(3);
  });
});

describe('times', () => {
  const dated = (text: string, mode: LineMode) =>
    filterOf(['from <HOST>$']).process({ bytes: bytesOf(text) }, now, mode);
  const old = '2026-05-30T10:00:00+00:00 from 192.0.2.1';

  it('takes an odd time as now in operation, leaves an old line out before, and believes it unchecked', () => {
    expect(dated(old, 'operation')).toMatchObject({ notice: 'odd-time', failures: [{ time: now }] });
    expect(dated(old, 'initial')).toMatchObject({ notice: 'too-old', failures: [], status: 'missed' });
    expect(dated(old, 'unchecked')).toMatchObject({ notice: null, failures: [{ time: 1_780_135_200 }] });
  });

  it('never dates a failure later than now', () => {
    expect(dated('2026-06-01T12:00:00+00:00 from 192.0.2.1', 'initial').failures).toMatchObject([{ time: now }]);
  });

  it('uses the last date for a line without one, for a minute', () => {
    const filter = filterOf(['from <HOST>$']);
    filter.process({ bytes: bytesOf('2026-06-01T00:00:00+00:00 x') }, now);
    const next = filter.process({ bytes: bytesOf('from 192.0.2.1') }, now + 10);
    expect(next).toMatchObject({
      notice: 'no-date',
      failures: [{ time: now, matches: ['2026-06-01T00:00:00+00:00from 192.0.2.1'] }],
    });
    expect(filter.process({ bytes: bytesOf('from 192.0.2.1') }, now + 61).failures).toMatchObject([{ time: now + 61 }]);
  });

  it('drops a line whose zone nobody knows', () => {
    expect(dated('QQQ Jan 23 21:59:59 from 192.0.2.1', 'unchecked')).toMatchObject({
      status: 'missed',
      trouble: { kind: 'date' },
    });
  });

  it('shows a journal line with its time, as fail2ban writes it', () => {
    const [failure] = feed(filterOf(['from <HOST>$']), 'web1 sshd[1]: from 192.0.2.1', now - 1 + 0.25).failures;
    expect(failure?.matches).toEqual(['2026-06-01T01:59:59.250000 web1 sshd[1]: from 192.0.2.1']);
  });
});

describe('what attackers write', () => {
  it('cuts a long line so that no end matches there', () => {
    const tail = 'from 192.0.2.1';
    const text = `${'x'.repeat(line_bytes_max - tail.length)}${tail}`;
    expect(feed(filterOf(['from <HOST>$']), text).status).toBe('match');
    expect(feed(filterOf(['from <HOST>$']), `${text} and more`).status).toBe('missed');
  });

  it('counts a line that costs too much as a miss', () => {
    const filter = filterOf(['^no <HOST>', '^(?P<x>(?:a+a+)+)(?P=x)! <HOST>']);
    const result = feed(filter, `${'a'.repeat(1_001)}! 192.0.2.1`);
    expect(result).toMatchObject({ status: 'missed', failures: [], trouble: { kind: 'steps', where: 'failregex 1' } });
    expect(feed(filter, 'no 192.0.2.1').status).toBe('match');
  });

  it('keeps few users and few, short lines of a session', () => {
    const prefregex = { regex: '^<F-MLFID>\\[1\\]</F-MLFID> <F-CONTENT>.+</F-CONTENT>$' };
    const filter = filterOf(['^user <F-USER>\\w+</F-USER>', '^from <HOST>$'], { prefregex });
    for (let user = 0; user < 100; user += 1) feed(filter, `[1] user u${user} ${'x'.repeat(10_000)}`);
    const [failure] = feed(filter, '[1] from 192.0.2.1').failures;
    expect(failure?.users).toHaveLength(20);
    expect(failure?.matches).toHaveLength(20);
    expect(Math.max(...(failure?.matches ?? []).map((match) => match.length))).toBe(4_096);
  });

  it('lives with bytes that are no text', () => {
    const filter = filterOf(['from <HOST>$']);
    const bytes = new Uint8Array([0xff, 0, 0xc3, 0x28, ...bytesOf(' from 192.0.2.1')]);
    expect(filter.process({ bytes, time: now }, now).status).toBe('match');
  });
});

describe('refusals', () => {
  const refusal = (make: () => unknown) => {
    try {
      make();
    } catch (error) {
      if (error instanceof EdgebanError) return [error.code, error.file, error.line];
    }
    return null;
  };
  const place = { file: '/etc/edgeban/filter.d/x.conf', line: 7 };
  const base = { failregex: [], ignoreregex: [], findtime: 600 };

  it.each([
    ['ERR_FILTER_NO_ID', { failregex: [{ regex: 'from nowhere', ...place }] }],
    ['ERR_FILTER_EMPTY', { failregex: [{ regex: ' ', ...place }] }],
    ['ERR_FILTER_REGEX', { failregex: [{ regex: '(<HOST>', ...place }] }],
    ['ERR_FILTER_REGEX', { failregex: [{ regex: '<HOST> <HOST>', ...place }] }],
    ['ERR_FILTER_REGEX', { ignoreregex: [{ regex: '[', ...place }] }],
  ])('%s with its place', (code, conf) => {
    expect(refusal(() => createFilter({ ...base, ...conf }, portsWith(), now))).toEqual([code, place.file, place.line]);
  });

  it.each([
    ['ERR_FILTER_DATEPATTERN', { datepattern: '%Q' }],
    ['ERR_FILTER_TIMEZONE', { logtimezone: 'Europe/Paris' }],
    ['ERR_FILTER_MAXLINES', { maxlines: 0 }],
    ['ERR_FILTER_MAXLINES', { maxlines: Number.NaN }],
  ])('%s', (code, conf) => {
    expect(refusal(() => createFilter({ ...base, ...conf }, portsWith(), now))?.[0]).toBe(code);
  });
});
