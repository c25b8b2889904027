/** The journal's export format, the line made of an entry, and journalmatch. */
import { describe, expect, it } from 'vitest';
import { type Entry, ExportParser } from '../../host-agent/sources/journal-export.ts';
import { lineOf } from '../../host-agent/sources/journal-line.ts';
import { journalArguments, matchArguments } from '../../host-agent/sources/journalmatch.ts';

function binary(name: string, value: Buffer): Buffer {
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(value.length));
  return Buffer.concat([Buffer.from(`${name}\n`), length, value, Buffer.from('\n')]);
}

function parse(bytes: Buffer, size: number): Entry[] {
  const parser = new ExportParser();
  const found: Entry[] = [];
  for (let at = 0; at < bytes.length; at += size) found.push(...parser.push(bytes.subarray(at, at + size)));
  return found;
}

describe('the journal export format', () => {
  const two = Buffer.concat([
    Buffer.from('__CURSOR=a\nOTHER=x\nMESSAGE=one=1\n'),
    binary('NOISE', Buffer.from('MESSAGE=forged\n\n__CURSOR=forged\n')),
    Buffer.from('\n__CURSOR=b\n'),
    binary('MESSAGE', Buffer.from('two\nlines\n\n\xff', 'latin1')),
    Buffer.from('MESSAGE=again\n\n'),
  ]);

  it.each([1, 2, 3, 7, 64, 1000])('is read in pieces of %d bytes', (size) => {
    expect(parse(two, size)).toEqual([
      { __CURSOR: 'a', MESSAGE: 'one=1' },
      { __CURSOR: 'b', MESSAGE: 'two\nlines\n\n\xff again' },
    ]);
  });

  it.each([1000, 100_000, 10_000_000])('cuts fields that are too long, in pieces of %d bytes', (size) => {
    const long = Buffer.alloc(1_000_000, 'x');
    const bytes = Buffer.concat([
      Buffer.from('__CURSOR=a\nMESSAGE='),
      long,
      Buffer.from('\nNOISE='),
      long,
      Buffer.from('\n'),
      binary('NOISE', long),
      Buffer.from('\n__CURSOR=b\n'),
      binary('MESSAGE', long),
      Buffer.from('\n__CURSOR=c\nMESSAGE=short\n\n'),
    ]);
    const cut = 'x'.repeat(65_536);
    expect(parse(bytes, size)).toEqual([
      { __CURSOR: 'a', MESSAGE: cut },
      { __CURSOR: 'b', MESSAGE: cut },
      { __CURSOR: 'c', MESSAGE: 'short' },
    ]);
  });

  it('is refused where it is something else', () => {
    expect(() => parse(Buffer.alloc(100_000, 'y'), 1000)).toThrow('no journal export format');
  });
});

describe("a journal entry's line", () => {
  function line(entry: Entry): { text: string; time: number | undefined } {
    const { bytes, time } = lineOf(entry);
    return { text: Buffer.from(bytes).toString('latin1'), time };
  }

  it.each([
    [
      { _HOSTNAME: 'h', SYSLOG_IDENTIFIER: 'sshd', _COMM: 'c', SYSLOG_PID: '5', _PID: '6', MESSAGE: 'm' },
      'h sshd[5]: m',
    ],
    [{ _HOSTNAME: 'h', _COMM: 'sshd', _PID: '6', MESSAGE: 'm' }, 'h sshd[6]: m'],
    [{ _HOSTNAME: 'h', SYSLOG_IDENTIFIER: 'sshd', MESSAGE: 'm' }, 'h sshd: m'],
    [{ _HOSTNAME: 'h', _PID: '6', MESSAGE: 'm' }, 'h m'],
    [{ _HOSTNAME: '', SYSLOG_IDENTIFIER: '', _COMM: 'sshd', SYSLOG_PID: '', MESSAGE: 'm' }, 'sshd: m'],
    [{ SYSLOG_IDENTIFIER: 'sshd', MESSAGE: 'a\nb' }, 'sshd: a\\nb'],
    [
      { SYSLOG_IDENTIFIER: 'kernel', _SOURCE_MONOTONIC_TIMESTAMP: '12345678', MESSAGE: 'm' },
      'kernel: [   12.345678] m',
    ],
    [{ SYSLOG_IDENTIFIER: 'kernel', __MONOTONIC_TIMESTAMP: '1000000', MESSAGE: 'm' }, 'kernel: [    1.000000] m'],
  ])('%j', (fields, text) => {
    expect(line(fields).text).toBe(text);
  });

  it("has the sender's time if the kernel vouches for it, else journald's", () => {
    const received = { __REALTIME_TIMESTAMP: '1700000001500000', MESSAGE: 'm' };
    expect(line(received).time).toBe(1_700_000_001.5);
    expect(line({ ...received, _SOURCE_REALTIME_TIMESTAMP: '1700000000250000' }).time).toBe(1_700_000_000.25);
  });
});

describe('a journalmatch', () => {
  it.each([
    [['_SYSTEMD_UNIT=ssh.service + _COMM=sshd'], ['_SYSTEMD_UNIT=ssh.service', '+', '_COMM=sshd']],
    [
      ['A=1 B=2', 'C=3'],
      ['A=1', 'B=2', '+', 'C=3'],
    ],
    [
      ['A=\'x y\' + B="z \\" w"', ' C=a\\ b '],
      ['A=x y', '+', 'B=z " w', '+', 'C=a b'],
    ],
    [
      ['+ A=1 + + B=2 +', ''],
      ['A=1', '+', 'B=2'],
    ],
    [[], []],
  ])('%j', (lines, args) => {
    expect(matchArguments(lines)).toEqual(args);
  });

  it.each(['sshd', '--vacuum-size=1', '-u', '/usr/sbin/sshd', 'a=b', 'A="x'])('%s is refused', (line) => {
    expect(() => matchArguments([line])).toThrow(expect.objectContaining({ code: 'ERR_JOURNAL_MATCH' }));
  });
});

describe('backend = systemd[…]', () => {
  it.each([
    [{}, ['--merge', '--system']],
    [{ journalflags: '1' }, []],
    [{ journalflags: '5' }, ['--system']],
    [{ journalflags: '0' }, ['--merge']],
    [{ journalpath: '/var/log/j' }, ['--directory=/var/log/j']],
    [{ journalfiles: '/a/*.journal, /b' }, ['--file=/a/*.journal', '--file=/b']],
    [{ namespace: 'web', journalflags: '1' }, ['--namespace=web']],
  ])('%j', (options: Record<string, string>, args) => {
    expect(journalArguments(options)).toEqual(args);
  });

  it.each<Record<string, string>>([
    { journalpth: '/x' },
    { journalflags: '64' },
    { journalflags: 'x' },
    { journalpath: 'x' },
    { namespace: '--x' },
  ])('%j is refused', (options) => {
    expect(() => journalArguments(options)).toThrow(expect.objectContaining({ code: 'ERR_JOURNAL_OPTION' }));
  });
});
