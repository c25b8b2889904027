/** Beside a running fail2ban: the jails that both would guard. */
import { describe, expect, it } from 'vitest';
import { type Neighbourhood, sharedJails } from '../../host-agent/daemon/neighbour.ts';
import type { ConfigFiles } from '../../shared/config/read-order.ts';

const texts: Record<string, string> = {
  '/f/fail2ban.conf': '[Definition]\npidfile = /f.pid\n',
  '/f/jail.conf': '[DEFAULT]\nenabled = false\n[sshd]\n[nginx]\nenabled = true\n',
  '/f/jail.d/mine.conf': '[sshd]\nenabled = true\n',
};
const files: ConfigFiles = {
  read: (path) => texts[path] ?? null,
  list: (dir) =>
    Object.keys(texts)
      .filter((path) => path.startsWith(`${dir}/`))
      .map((path) => path.slice(dir.length + 1)),
};
const beside = (changes: Partial<Neighbourhood> = {}): Neighbourhood => ({
  files,
  dir: '/f',
  commOf: (pid) => (pid === 7 ? 'fail2ban-server' : null),
  readPidFile: (path) => (path === '/f.pid' ? '7\n' : null),
  ...changes,
});

describe('beside fail2ban', () => {
  it('a jail of the same name is told, where fail2ban has it switched on', () => {
    const found = sharedJails(['sshd', 'dovecot'], beside());
    expect(found.map(({ severity, code, jail }) => [severity, code, jail])).toEqual([
      ['warning', 'ERR_CONFIG_NEIGHBOUR', 'sshd'],
    ]);
  });

  it('nothing is told where it does not run, or where what runs is ours', () => {
    expect(sharedJails(['sshd'], beside({ readPidFile: () => null }))).toEqual([]);
    expect(sharedJails(['sshd'], beside({ commOf: () => 'MainThread' }))).toEqual([]);
    expect(sharedJails(['sshd'], beside({ dir: '/nowhere' }))).toEqual([]);
  });
});
