/** Jails that mail, from inside the service's sandbox. */
import { expect, it } from 'vitest';
import type { JailPlan } from '../../host-agent/agent/plan.ts';
import { bareJail } from '../../host-agent/agent/plan.ts';
import { type MailWorld, mailFindings } from '../../host-agent/daemon/mail-rights.ts';

const origin = { file: '/c/jail.conf', line: 1 };
const switches = { startOnDemand: null, repairOnUnban: null, norestored: true, origin };
const rules = {
  maxretry: 1,
  findtime: 600,
  bantime: 600,
  maxmatches: 1,
  increment: null,
  ignoreself: true,
  sliding: false,
  prefix6: 128,
};

function jail(name: string, actionban: string): JailPlan {
  const action = { name: 'a', file: 'a', commands: { actionban }, parameters: {}, ...switches };
  return { ...bareJail, name, rules, backend: 'polling', actions: [action] };
}

const jails = [jail('mails', 'echo banned | /usr/sbin/sendmail -f "x" -- "y"'), jail('blocks', 'nft add …')];
const world = (noNew: 0 | 1, modes: Record<string, number>): MailWorld => ({
  status: () => `Name:\tx\nNoNewPrivs:\t${noNew}\nSeccomp:\t0\n`,
  modeOf: (path) => modes[path] ?? null,
});
const named = (of: MailWorld) => mailFindings(jails, of).map(({ code, jail: name }) => [code, name]);

it('a local Exim or Postfix needs rights that the service has not, unless it was given them', () => {
  const told = [['ERR_ACTION_SANDBOX', 'mails']];
  const exim = { '/usr/sbin/sendmail': 0o104755 };
  const postfix = { '/usr/sbin/sendmail': 0o100755, '/usr/sbin/postdrop': 0o102555 };
  expect([named(world(1, exim)), named(world(1, postfix))]).toEqual([told, told]);
  expect(named(world(0, exim))).toEqual([]);
  expect(named(world(1, { '/usr/sbin/sendmail': 0o100755 }))).toEqual([]);
  expect(named(world(1, {}))).toEqual([]);
});
