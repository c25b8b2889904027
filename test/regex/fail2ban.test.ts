/** edgeban-regex beside fail2ban-regex: the same report on fail2ban's own samples, but for the seconds that it took. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { checkout } from '../config/oracle.ts';
import { edgebanRegex } from './run-program.ts';

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

it.for(filters)('%s', { timeout: 60_000 }, async (name, context) => {
  const path = checkout(context);
  const log = join(path, 'fail2ban/tests/files/logs', name);
  const lists = ['--print-all-matched', '--print-all-missed', '--print-all-ignored'];
  const argv = ['-c', join(path, 'config'), '-r', ...lists, log, `filter.d/${name}.conf`];
  const env = { ...process.env, PYTHONPATH: path, LC_ALL: 'C.UTF-8' };
  const theirs = spawnSync('python3', [join(path, 'bin/fail2ban-regex'), ...argv], { env, encoding: 'utf8' });
  const ours = await edgebanRegex(argv);
  expect(timeless(ours.out)).toBe(timeless(theirs.stdout));
  expect(ours.code).toBe(theirs.status);
});

function timeless(report: string): string {
  return report.replace(/processed in .* sec/, '');
}
