/** The stock recidive filter on our log: as a file, and as syslog and the journal hold it. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { formatOf } from '../../host-agent/log/format.ts';
import { Log } from '../../host-agent/log/log.ts';

const checkout = process.env['F2B_CHECKOUT'] ?? '';
const here = (path: string) => fileURLToPath(new URL(`../../host-agent/${path}`, import.meta.url));

test('who was banned is found, but for bans by itself', () => {
  const dir = mkdtempSync(join(tmpdir(), 'edgeban-recidive-'));
  try {
    const file = join(dir, 'edgeban.log');
    const log = new Log({ target: file, level: 'INFO' });
    log.logger('actions').notice('[sshd] Ban 203.0.113.1');
    log.logger('actions').notice('[recidive] Ban 203.0.113.2');
    log.logger('actions').notice('[sshd] Unban 203.0.113.3');
    log.logger('actions').notice('[nginx-http-auth] Ban 2001:db8::4');
    log.close();
    const entry = {
      at: new Date(),
      name: 'fail2ban.actions',
      pid: 7,
      level: 'NOTICE',
      message: '[sshd] Ban 203.0.113.5',
    };
    const bare = formatOf({ name: 'SYSLOG', options: new Map() }, { datetime: false, padding: false })(entry);
    const syslog = `Nov 22 15:17:39 host ${bare}`;
    writeFileSync(file, `${readFileSync(file, 'utf8')}${syslog}\n`);
    const words = ['-o', 'ip', file];
    const found = ['203.0.113.1', '2001:db8::4', '203.0.113.5'];
    const filter = `${here('etc/filter.d/recidive.conf')}[_jailname=recidive]`;
    const { stdout, stderr } = spawnSync(here('bin/edgeban-regex'), [...words, filter], { encoding: 'utf8' });
    expect(stdout.trim().split('\n'), stderr).toEqual(found);
    if (checkout === '') return;
    const theirs = `${join(checkout, 'config/filter.d/recidive.conf')}[_jailname=recidive]`;
    const program = [join(checkout, 'bin/fail2ban-regex'), ...words, theirs];
    const env = { ...process.env, PYTHONPATH: checkout };
    expect(spawnSync('python3', program, { encoding: 'utf8', env }).stdout.trim().split('\n')).toEqual(found);
  } finally {
    rmSync(dir, { recursive: true });
  }
});
