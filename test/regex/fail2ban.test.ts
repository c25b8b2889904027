/** edgeban-regex beside fail2ban-regex: the same report, but for the seconds that it took. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { checkout } from '../config/oracle.ts';
import { edgebanRegex, folderOf } from './run-program.ts';

/** Of several lines, with sessions, with and without prefregex, with dates of their own. */
const filters = [
  'sshd',
  'postfix',
  'nginx-botsearch',
  'apache-auth',
  'dovecot',
  'exim',
  'mysqld-auth',
  'ejabberd-auth',
];

const lines = `2026-06-14 11:52:01 h1 sshd[12]: Failed password for root from 192.0.2.1 port 22 ssh2
# of no use
2026-06-14 11:52:02 h1 sshd[13]: Invalid user bob from 2001:db8::1 port 22
2026-06-14 11:52:03 h1 sshd[13]: Failed password for invalid user bob from 2001:db8::1 port 22 ssh2

2026-06-14 11:52:06 h1 cron[15]: nothing * here ~ at_all
Jun 14 11:52:07 h1 sshd[16]: Failed password for zürich from 192.0.2.3 port 22 ssh2
without an end`;
const regex = String.raw`^ \S+ \S+: Failed password for <F-USER>\S+</F-USER> from <HOST>`;

/** What stands between the options and the log: one row is one run. */
const rows: readonly (readonly string[])[] = [
  ['-D', '--print-all-matched', 'LOG', regex, 'root'],
  ['-D', '-L', '2', '--usedns', 'no', 'LOG', 'bob from <HOST>'],
  ['-v', '--no-check-all', 'LOG', 'filter.d/sshd.conf'],
  ['-vv', '--print-no-missed', 'LOG', 'filter.d/sshd.conf[mode=aggressive]'],
  ['-v', '-t', '--full-traceback', 'LOG', 'sshd'],
  ['-d', '', '-o', '', '--TZ', '', 'LOG', regex],
  ['-d', '^%Y-%m-%d', '--TZ=UTC+0300', 'LOG', 'from <HOST>'],
  ['-o', 'msg', 'LOG', 'sshd'],
  ['-o', '<F-USER>|<F-ID>|<F-x>|<ip-rev>|<family>|<time>|<bancount><sp><restored>|<foo>', 'LOG', 'sshd'],
  ['-o', 'users', 'LOG', 'sshd'],
  ['-L', '2', 'LOG', regex],
  ['x 999.1.1.1', 'x <HOST>'],
];

it.for(rows)('%j', async (words, context) => {
  const path = checkout(context);
  const log = join(folderOf({ log: lines }), 'log');
  await compare(
    path,
    words.map((word) => (word === 'LOG' ? log : word)),
  );
});

it.for(filters)('%s', async (name, context) => {
  const path = checkout(context);
  const log = join(path, 'fail2ban/tests/files/logs', name);
  const lists = ['--print-all-matched', '--print-all-missed', '--print-all-ignored'];
  await compare(path, [...lists, log, `filter.d/${name}.conf`]);
});

async function compare(path: string, words: readonly string[]): Promise<void> {
  const argv = ['-c', join(path, 'config'), '-r', ...words];
  const env = { ...process.env, PYTHONPATH: path, LC_ALL: 'C.UTF-8' };
  const theirs = spawnSync('python3', [join(path, 'bin/fail2ban-regex'), ...argv], { env, encoding: 'utf8' });
  const ours = await edgebanRegex(argv);
  expect(timeless(ours.out)).toBe(timeless(theirs.stdout));
  expect(ours.code).toBe(theirs.status);
}

function timeless(report: string): string {
  return report.replace(/processed in .* sec/, '');
}
