/** edgeban-regex on a real journald: what was written to it is found there, and in what journalctl saves of it. */
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { Journald, whyNot } from '../sources/journald.ts';
import { until } from '../world/wait.ts';
import { folderOf } from './run-program.ts';

const reason = whyNot();
const program = new URL('../../host-agent/main.ts', import.meta.url).pathname;
const filter = `[Definition]
failregex = ^\\s*\\S+ %(daemon)s\\[\\d+\\]: bad login of <F-USER>.+</F-USER> from <ADDR>$
daemon = daemon
journalmatch = SYSLOG_IDENTIFIER=daemon
`;

describe('the journal', () => {
  let journald: Journald;
  const folder = folderOf({
    'filter.d/daemon.conf': filter,
    'jail.conf': '[mine]\nfilter = daemon\nbackend = systemd\n',
  });

  beforeAll(async () => {
    if (reason !== null) return;
    journald = new Journald();
    await until('journald', () => journald.ready);
    write('daemon', 'bad login of root from 192.0.2.1');
    write('daemon', 'bad login of \xff\xfe from 192.0.2.2');
    write('daemon', 'bad login of two\nlines from 192.0.2.3');
    write('daemon', 'nothing at all');
    write('other', 'bad login of eve from 192.0.2.4');
    write('daemon', 'bad login of bob from 2001:db8::5');
    await until('the entries', () => journald.run(['journalctl', '-o', 'cat']).includes('2001:db8::5'));
  });
  beforeEach((context) => {
    if (reason !== null) context.skip(reason);
  });
  afterAll(() => journald?.remove());

  function write(identifier: string, message: string): void {
    const bytes = Buffer.from(message, 'latin1');
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(bytes.length));
    const head = Buffer.from(`SYSLOG_IDENTIFIER=${identifier}\nSYSLOG_PID=77\nMESSAGE\n`);
    journald.send(Buffer.concat([head, length, bytes, Buffer.from('\n')]));
  }

  /** What the program prints, run where the journal is. */
  function run(...words: string[]): string {
    return journald.run([process.execPath, program, 'edgeban-regex', '-c', folder, ...words]);
  }

  const found = '192.0.2.1\n192.0.2.2\n192.0.2.3\n2001:db8::5\n';

  it('is read with the journalmatch of the filter, or of the jail', () => {
    expect(run('-o', 'id', 'systemd-journal', 'filter.d/daemon.conf')).toBe(found);
    expect(run('-o', 'id', 'systemd-journal', 'mine')).toBe(found);
    const report = run('systemd-journal', 'mine');
    expect(report).toContain('Use         systemd journal\nUse         encoding : UTF-8\n');
    expect(report).toContain('Use    journal match : SYSLOG_IDENTIFIER=daemon\n');
    expect(report).toContain('Lines: 5 lines, 0 ignored, 4 matched, 1 missed\n');
    expect(report).not.toContain('Date template hits');
    expect(report).toMatch(/\|- Missed line\(s\):\n\| {2}\d{4}-\d\d-\d\dT[\d:.]+ \S+ daemon\[77\]: nothing at all\n/);
  });

  it('is read with a journalmatch of the command line, several of them too', () => {
    const other = 'filter.d/daemon.conf[daemon=other]';
    expect(run('-o', 'id', '-m', 'SYSLOG_IDENTIFIER=other', 'systemd-journal', other)).toBe('192.0.2.4\n');
    const both = 'SYSLOG_IDENTIFIER=other + SYSLOG_IDENTIFIER=daemon SYSLOG_PID=77';
    expect(run('-m', both, 'systemd-journal', other)).toContain('Lines: 6 lines, 0 ignored, 1 matched, 5 missed\n');
    expect(run('-m', 'SYSLOG_IDENTIFIER=nobody', 'systemd-journal', other)).toContain('Lines: 0 lines,');
  });

  it('is read with matches in quotes, which are shown without them', () => {
    const words = 'filter.d/daemon.conf[journalmatch=\'"SYSLOG_IDENTIFIER=a daemon" + SYSLOG_IDENTIFIER=other\']';
    const report = run('systemd-journal', words);
    expect(report).toContain('Use    journal match : SYSLOG_IDENTIFIER=a daemon + SYSLOG_IDENTIFIER=other\n');
    expect(report).toContain('Lines: 1 lines,');
    expect(run('-m', '"SYSLOG_IDENTIFIER=other"', 'systemd-journal', words)).toContain(
      'Use    journal match : SYSLOG_IDENTIFIER=other\n',
    );
    expect(run('-m', '', 'systemd-journal', words)).not.toContain('journal match');
  });

  it('is read from a folder or files of its own', () => {
    const machine = '/var/log/journal/0123456789abcdef0123456789abcdef';
    const spec = ['filter.d/daemon.conf'];
    expect(run('-o', 'id', `systemd-journal[journalpath=${machine}]`, ...spec)).toBe(found);
    expect(run('-o', 'id', `systemd-journal[journalfiles="${machine}/system.journal"]`, ...spec)).toBe(found);
    expect(run('-o', 'id', 'systemd-journal[journalflags=1]', ...spec)).toBe(found);
  });

  it.each(['export', 'json'])('gives the same when it was saved as %s', (form) => {
    const saved = join(folderOf({ saved: '' }), 'saved');
    journald.run(['sh', '-c', `journalctl -o ${form} SYSLOG_IDENTIFIER=daemon > ${saved}`]);
    const verdicts = (text: string) =>
      text
        .trimEnd()
        .split('\n')
        .map((line): unknown => JSON.parse(line));
    const live = verdicts(run('-o', 'json', 'systemd-journal', 'mine'));
    expect(live).toMatchObject([
      { status: 'match', failures: [{ fid: '192.0.2.1', groups: { user: 'root' } }] },
      { status: 'match', failures: [{ fid: '192.0.2.2' }] },
      { status: 'match', failures: [{ fid: '192.0.2.3', groups: { user: 'two\\nlines' } }] },
      { status: 'missed', failures: [] },
      { status: 'match', failures: [{ fid: '2001:db8::5', family: 'inet6' }] },
    ]);
    expect(verdicts(run('-o', 'json', saved, 'mine'))).toEqual(live);
  });
});
