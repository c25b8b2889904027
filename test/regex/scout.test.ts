/** A thread that goes ahead through a long log changes nothing but the time that it takes. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { asciiText, decoderOf } from '../../host-agent/agent/decoder.ts';
import { localZone } from '../../host-agent/agent/ports.ts';
import { diskFiles } from '../../host-agent/config-files.ts';
import { createRe2 } from '../../host-agent/re2.ts';
import { readFilter } from '../../shared/config/filter-values.ts';
import { createFilter, type FilterConf } from '../../shared/filter/filter.ts';
import { Foreseen, Scout } from '../../shared/filter/scout.ts';
import { type logKinds, writeLog } from '../bench/logs.ts';
import { shippedDir } from '../filter/shipped.ts';
import { edgebanRegex } from './run-program.ts';

const now = Date.UTC(2026, 5, 20) / 1000;
const re2 = createRe2();
const ports = { re2, zone: localZone, decode: decoderOf('utf-8'), ascii: asciiText, resolve: () => 'pending' as const };

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'edgeban-scout-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Lines of all kinds: some that only the other thread can judge, or nobody. */
function mixedLines(kind: keyof typeof logKinds): Buffer[] {
  const path = join(folder, 'mixed');
  writeLog(path, kind, 3_000, 7);
  const odd = [
    'Jun  1 00:00:02 web1 sshd[7010]: Invalid user müller from 192.0.2.1 port 30009',
    `Jun  1 00:00:02 web1 sshd[7010]: Invalid user ${'x'.repeat(3_000)} from 192.0.2.1 port 30009`,
    'web1 sshd[7010]: Invalid user nobody from 192.0.2.1 port 30009',
    '2026-06-01T00:00:02.123456+02:00 web1 sshd[7010]: Invalid user iso from 192.0.2.1 port 30009',
    'Jun  1 00:00:02 web1 sshd[7010]: Failed password for a from 2001:db8::1 port 1 ssh2\r',
    '',
    '# a comment',
    'Jun 31 99:00:02 web1 sshd[7010]: Invalid user late from 192.0.2.1 port 30009',
  ];
  const lines = diskFiles.read(path)?.trimEnd().split('\n') ?? [];
  return lines
    .flatMap((line, at) => [line, ...(at % 50 === 0 ? odd.slice((at / 50) % odd.length).slice(0, 1) : [])])
    .map((line) => Buffer.from(line));
}

function confOf(name: string): FilterConf {
  const { filter } = readFilter(diskFiles, shippedDir, name, 'auto');
  if (filter === null) throw new Error(`no filter ${name}`);
  return { ...filter, datepattern: filter.datepattern?.regex ?? null, findtime: 600 };
}

describe('notes of a scout', () => {
  test.each([
    ['sshd', 'auth.log', true],
    ['sshd', 'auth.log', false],
    ['nginx-botsearch', 'access.log', true],
    ['nginx-botsearch', 'access.log', false],
  ] as const)('%s on %s, all regexes tried: %s', (name, kind, checkAllRegex) => {
    const conf = { ...confOf(name), checkAllRegex };
    const [alone, helped] = [createFilter(conf, ports, now), createFilter(conf, ports, now)];
    const lines = mixedLines(kind).map((bytes) => ({ bytes }));
    const scout = new Scout(conf, { ...ports, decode: () => '' }, now);
    const room = new Uint16Array(100 * lines.length);
    let end = 0;
    let silent = 0;
    for (const line of lines) {
      const next = scout.look(line, now, room, end);
      if (next === end + 1) silent += 1;
      end = next;
    }
    const foreseen = new Foreseen(room, end);
    for (const line of lines) {
      foreseen.advance();
      const expected = alone.process(line, now, 'unchecked');
      const result = helped.process(line, now, 'unchecked', foreseen);
      expect(plain(result), line.bytes.toString()).toEqual(plain(expected));
    }
    expect(silent).toBeGreaterThan(5);
    expect(silent).toBeLessThan(lines.length / 50);
    expect(helped.templates).toEqual(alone.templates);
  });

  test('for which there is no room', () => {
    const scout = new Scout(confOf('sshd'), ports, now);
    const line = { bytes: Buffer.from('Jun  1 00:00:02 web1 sshd[7010]: Invalid user a from 192.0.2.1 port 30009') };
    const size = scout.look(line, now, new Uint16Array(100), 0);
    expect(scout.look(line, now, new Uint16Array(size), 0)).toBe(size);
    expect(scout.look(line, now, new Uint16Array(size - 1), 0)).toBe(-1);
  });
});

/** A result, with what it tells only when it is asked. */
function plain(result: ReturnType<ReturnType<typeof createFilter>['process']>) {
  const { status, failures, pending, hits, others, ignoredBy, prefregex, time, template, notice, trouble } = result;
  const told = failures.map((failure) => ({ ...failure, groups: failure.groups }));
  const names = pending.map(({ name, failure }) => ({ name, groups: failure.groups() }));
  const prefix = result.prefix?.() ?? null;
  return { status, told, names, hits, others, ignoredBy, prefregex, prefix, time, template, notice, trouble };
}

describe('a long log', { timeout: 120_000 }, () => {
  const scout = new URL('../../host-agent/regex/scout-thread.ts', import.meta.url);

  function longLog(): string {
    const path = join(folder, 'auth.log');
    writeLog(path, 'auth.log', 90_000, 11);
    // a line that is longer than several blocks, and an end without a line end
    const long = `Jun  2 00:00:02 web1 sshd[7010]: Invalid user ${'x'.repeat(300_000)} from 192.0.2.1 port 1\n`;
    writeFileSync(path, `${long}${long}Jun  2 00:00:03 web1 sshd[1]: Invalid user end from 192.0.2.9 port 1`, {
      flag: 'a',
    });
    return path;
  }

  const timeless = (text: string) => text.replace(/\[processed in .*/, '');

  test.each([
    { options: [] },
    { options: ['-o', 'json'] },
    { options: ['-o', '<ip> <F-USER> <time>'] },
    { options: ['--print-all-matched', '--print-no-missed', '-v'] },
  ])('gives the same with $options', async ({ options }) => {
    const argv = ['-c', shippedDir, ...options, longLog(), 'sshd'];
    const alone = await edgebanRegex(argv);
    const helped = await edgebanRegex(argv, { scout });
    expect(alone.out.length).toBeGreaterThan(500);
    expect(timeless(helped.out) === timeless(alone.out)).toBe(true);
    expect(helped.err).toBe('');
  });

  test.each(['dead-scout.ts', 'no-scout.ts'])('gives the same with %s', async (file) => {
    const argv = ['-c', shippedDir, longLog(), 'sshd'];
    const alone = await edgebanRegex(argv);
    const helped = await edgebanRegex(argv, { scout: new URL(file, import.meta.url) });
    expect(timeless(helped.out)).toBe(timeless(alone.out));
  });
});
