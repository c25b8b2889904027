/** fail2ban's own client, of Debian's package, at our socket; and fail2ban itself, beside us. */
import { strict as assert } from 'node:assert';
import { run, sh, write } from './machine.ts';
import { logged, setOf } from './service.ts';
import type { Step } from './step.ts';

const theirs = 'fail2ban-client -s /run/edgeban/edgeban.sock';
const address = '203.0.113.100';

/** What their client says must be what ours says. */
const questions = [
  'ping',
  'version',
  'status',
  'status sshd',
  'banned',
  'get sshd banip',
  'get sshd bantime',
  'get sshd findtime',
  'get sshd maxretry',
  'get sshd ignoreip',
  'get sshd failregex',
  'get sshd journalmatch',
  'get loglevel',
  'get nowhere banip',
  'set sshd nosuchthing 1',
];

export const fail2ban: readonly Step[] = [
  {
    name: "fail2ban's own client works with our socket",
    async play({ machine }) {
      const told = [await sh(machine, 'fail2ban-client --version')];
      assert.equal(await sh(machine, `${theirs} set sshd banip ${address}`), '1');
      assert.notEqual(await setOf(machine, address), null, `${address} is in the kernel`);
      for (const question of questions) {
        const [foreign, own] = [
          await run(machine, `${theirs} ${question}`),
          await run(machine, `edgeban-client ${question}`),
        ];
        assert.equal(foreign.stdout, own.stdout, question);
        assert.equal(foreign.code, own.code, question);
        told.push(`${question}: ${foreign.stdout.trimEnd().split('\n').join(' ⏎ ')}`);
      }
      assert.equal(await sh(machine, `${theirs} set sshd maxretry 7`), '7');
      assert.equal(await sh(machine, 'edgeban-client get sshd maxretry'), '7');
      assert.equal(await sh(machine, `${theirs} set sshd unbanip ${address}`), '1');
      assert.equal(await setOf(machine, address), null);
      // it sends its own configuration along (which Debian 12's and 11's cannot read without the log): told once, left aside
      await write(machine, '/var/log/auth.log', '');
      for (const _time of [1, 2]) assert.equal(await sh(machine, `${theirs} reload`), 'OK');
      assert.equal(await sh(machine, 'edgeban-client get sshd maxretry'), '3');
      const warnings = await logged(machine, 'sends its own configuration along');
      assert.equal(warnings.length, 1, warnings.join('\n'));
      return [...told, ...warnings];
    },
  },
  {
    name: 'fail2ban beside us: both run, and we say that both guard the same jail',
    async play({ machine }) {
      // Debian 12's and 11's fail2ban does not start without the log
      await write(machine, '/var/log/auth.log', '');
      await write(machine, '/etc/fail2ban/jail.d/zz.local', '[sshd]\nenabled = true\nbackend = auto\n');
      await sh(machine, 'systemctl start fail2ban && systemctl restart edgeban');
      const { stdout, stderr } = await run(machine, 'edgeban-client -t; tail -n 50 /var/log/edgeban.log');
      const active = await sh(machine, 'systemctl is-active fail2ban edgeban');
      await sh(machine, 'systemctl stop fail2ban');
      assert.equal(active, 'active\nactive');
      const lines = (stdout + stderr).split('\n').filter((line) => /fail2ban.*(also|both|guard)/i.test(line));
      assert.ok(
        lines.some((line) => /sshd/.test(line)),
        stdout + stderr,
      );
      return lines;
    },
  },
];
