/** The log: fail2ban's lines, which nobody can forge, and its targets. */
import { mkdtempSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Log } from '../../host-agent/log.ts';

let dir: string;
let path: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'edgeban-log-'));
  path = join(dir, 'edgeban.log');
});

afterEach(() => rmSync(dir, { recursive: true, force: true }));

function open(level = 'INFO'): Log {
  return new Log({ target: path, level, now: () => new Date(2026, 10, 22, 15, 17, 39, 96), pid: 1854 });
}

const lines = (file = path) => readFileSync(file, 'utf8').split('\n').slice(0, -1);

/** What the stock recidive filter wants of a line once its date is cut out (fail2ban 1.1.0, by hand, for IPv4). */
const recidive =
  /^\s*fail2ban\.actions\s*\[\d+\]:\s+NOTICE\s+\[(?!recidive\])(?:.*)\]\s+Ban\s+(\d+\.\d+\.\d+\.\d+)\s*$/;

describe('lines', () => {
  test("are fail2ban's", () => {
    const log = open();
    log.logger('actions').notice('[sshd] Ban 192.0.2.50');
    log.logger('filter').info('[sshd] Found 192.0.2.50 - 2026-11-22 15:17:38');
    log.logger('server').error('x');
    expect(lines()).toEqual([
      '2026-11-22 15:17:39,096 fail2ban.actions        [1854]: NOTICE  [sshd] Ban 192.0.2.50',
      '2026-11-22 15:17:39,096 fail2ban.filter         [1854]: INFO    [sshd] Found 192.0.2.50 - 2026-11-22 15:17:38',
      '2026-11-22 15:17:39,096 fail2ban.server         [1854]: ERROR   x',
    ]);
  });

  test('are what the recidive filter reads', () => {
    const log = open();
    log.logger('actions').notice('[sshd] Ban 192.0.2.50');
    log.logger('actions').notice('[recidive] Ban 192.0.2.51');
    const found = lines().map((line) => recidive.exec(line.slice(23))?.[1]);
    expect(found).toEqual(['192.0.2.50', undefined]);
  });

  test('cannot be forged: what an attacker wrote stays on its line', () => {
    const log = open();
    log
      .logger('filter')
      .warning(
        'user "x\n2026-11-22 15:17:39,096 fail2ban.actions [1]: NOTICE  [a] Ban 192.0.2.1\r\x1b[2J\u2028\u202e\0"',
      );
    const written = lines();
    expect(written).toHaveLength(1);
    expect(written[0]).toContain('user "x\\n2026');
    expect(written[0]).toContain('\\r\\x1b[2J\\u2028\\u202e\\x00"');
  });

  test('are bounded', () => {
    const log = open();
    log.logger('filter').warning('x'.repeat(1_000_000));
    expect(lines()[0]?.length).toBeLessThan(10_000);
  });
});

describe('levels', () => {
  test('INFO leaves out DEBUG, NOTICE leaves out INFO, a number works', () => {
    const log = open();
    const logger = log.logger('server');
    logger.debug('no');
    log.setLevel('notice');
    logger.info('no');
    logger.notice('yes');
    log.setLevel('10');
    logger.debug('yes');
    expect(lines().map((line) => line.split(' ').at(-1))).toEqual(['yes', 'yes']);
    expect(log.level).toBe('10');
  });

  test('an unknown one is refused and the old one stays', () => {
    const log = open();
    expect(() => log.setLevel('LOUD')).toThrow("Invalid log level 'LOUD'");
    expect(log.level).toBe('INFO');
  });
});

describe('targets', () => {
  test('reopen after a rename writes to the new file', () => {
    const log = open();
    log.logger('server').info('before');
    renameSync(path, `${path}.1`);
    log.logger('server').info('between');
    expect(log.reopen()).toBe('rolled over');
    log.logger('server').info('after');
    expect(lines(`${path}.1`)).toHaveLength(2);
    expect(lines().at(0)).toContain(`rollover performed on ${path}`);
    expect(lines().at(1)).toContain('after');
    expect(statSync(path).mode & 0o027).toBe(0);
  });

  test.each(['SYSLOG', 'SYSTEMD-JOURNAL', 'relative.log', '/var/log/x.log[datetime=off]'])(
    '%s is refused by name',
    (target) => {
      expect(() => new Log({ target, level: 'INFO' })).toThrow(`cannot log to '${target}'`);
      const log = open();
      expect(() => log.setTarget(target)).toThrow();
      log.logger('server').info('still here');
      expect(lines()).toHaveLength(1);
    },
  );

  test('a folder that is not there is named', () => {
    expect(() => new Log({ target: join(dir, 'no/x.log'), level: 'INFO' })).toThrow(/cannot open the log/);
  });

  test('a full disk does not throw, and what was lost is told later', (ctx) => {
    let full: Log;
    try {
      full = new Log({ target: '/dev/full', level: 'INFO' });
    } catch {
      return ctx.skip('needs /dev/full');
    }
    full.logger('server').info('lost');
    full.logger('server').info('lost too');
    full.setTarget(path);
    full.logger('server').info('back');
    expect(lines()).toEqual([expect.stringContaining('2 log line(s) lost'), expect.stringContaining('back')]);
    return undefined;
  });
});
