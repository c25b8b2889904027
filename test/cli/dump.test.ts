/** What -d, --dp and --str2sec print, beside what fail2ban's client prints. */
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { checkout } from '../config/oracle.ts';
import { stamp, useClient } from './client-bench.ts';

const { client, dir } = useClient();
const main = fileURLToPath(new URL('../../host-agent/main.ts', import.meta.url));

function run(...words: readonly string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, 'edgeban-client', ...words], {
    encoding: 'utf8',
  });
  return { status, stdout, stderr };
}

function theirs(path: string, ...words: readonly string[]): string {
  const env = { PATH: process.env['PATH'], PYTHONPATH: path, PYTHONDONTWRITEBYTECODE: '1' };
  return spawnSync('python3', [join(path, 'bin/fail2ban-client'), ...words], { encoding: 'utf8', env }).stdout;
}

test('the stock configuration, all jails on, line by line and laid out', (context) => {
  const path = checkout(context);
  const conf = join(dir(), 'conf');
  cpSync(join(path, 'config'), conf, { recursive: true });
  const log = join(dir(), 'one.log');
  writeFileSync(log, '');
  writeFileSync(join(conf, 'jail.local'), `[DEFAULT]\nenabled = true\n[sshd]\nlogpath = ${dir()}/*.log tail\n`);
  for (const option of ['-d', '--dp', '--dump-pretty']) {
    const ours = run('-c', conf, option);
    expect(ours).toEqual({ status: 0, stdout: theirs(path, '-c', conf, option), stderr: '' });
    expect(ours.stdout).toContain(`['set', 'sshd', 'addlogpath', '${log}', 'tail']`);
  }
  const levels = ['--loglevel', 'DEBUG', '--logtarget', 'STDERR', '-d'];
  expect(run('-c', conf, ...levels).stdout).toBe(theirs(path, '-c', conf, ...levels));
});

test('a broken jail is a command; what breaks all leaves nothing to print', () => {
  mkdirSync(join(dir(), 'filter.d'));
  const jail = join(dir(), 'jail.conf');
  writeFileSync(jail, '[a]\nenabled = true\nfilter = nix\n');
  const broken = run('-c', dir(), '-d');
  expect(broken.status).toBe(0);
  expect(broken.stdout).toContain("['config-error', \"Jail 'a' skipped");
  expect(broken.stderr).toContain(`${jail}:3: error: [a] `);
  writeFileSync(jail, 'enabled = true\n');
  const { status, stdout } = run('-c', dir(), '-d');
  expect([status, stdout]).toEqual([255, 'ERROR: The configuration stream failed because of the invalid syntax.\n']);
});

test.each([
  ['1d12h', '129600'],
  ['1mo', '2629800.0'],
  ['-1', '-1'],
  ['1h*2+30m', '9000'],
])('--str2sec %s', async (text, out) => {
  expect(await client(['--str2sec', text, 'ping'])).toEqual({ code: 0, out, err: '' });
});

test('--str2sec of nonsense, and a time-out in words', async () => {
  const { code, err } = await client(['--str2sec', 'foo']);
  expect([code, err.startsWith(`${stamp}the name 'foo' is not known`)]).toEqual([255, true]);
  expect((await client(['--timeout', '-1m', 'ping'])).err).toContain("'-1m' is not a length of time");
});
