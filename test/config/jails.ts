/** A small configuration in memory, and what is read from it with some files changed. */
import { readJails } from '../../shared/config/jail-conf.ts';
import { filesIn, type Tree } from './files.ts';

export const half = () => 0.5;

export const base: Tree = {
  '/c/jail.conf': `[DEFAULT]
bantime = 10m
findtime = 1h
maxretry = 5
maxmatches = %(maxretry)s
port = 0:65535
filter = %(__name__)s
action = block[port="%(port)s"]

[web]
port = http,https
logpath = /var/log/web/*.log
  /var/log/more.log tail

[mail]
logpath = /var/log/mail.log
`,
  '/c/jail.local': '[web]\nenabled = true\n[mail]\nenabled = yes\n',
  '/c/filter.d/web.conf': '[Definition]\nfailregex = ^one <HOST>$\n   ^two <HOST>$\n',
  '/c/filter.d/mail.conf': `[INCLUDES]
before = common.conf
[Definition]
_daemon = mailer
failregex = %(__prefix)slogin failed <HOST>
  <lt_<logtype>/more>
ignoreregex =
journalmatch = _SYSTEMD_UNIT=mail.service
[lt_file]
more = ^from a file <HOST>
[lt_journal]
more = ^from the journal <HOST>
`,
  '/c/filter.d/common.conf': '[DEFAULT]\n__prefix = ^%(_daemon)s: \n',
  '/c/action.d/block.conf': `[Definition]
actionban = add <table> <ip> <blocktype> from <name>
actionunban = delete <ip>
norestored = yes
[Init]
table = set-<name>
blocktype = reject4
[Init?family=inet6]
blocktype = reject6
`,
  '/var/log/mail.log': '',
  '/var/log/more.log': '',
  '/var/log/web/a.log': '',
};

export function read(changes: Tree = {}) {
  return readJails(filesIn({ ...base, ...changes }), '/c', half);
}

export function jailOf(changes: Tree, name: string) {
  const { jails, findings } = read(changes);
  const jail = jails.find((one) => one.name === name);
  if (jail === undefined) throw new Error(`no jail ${name}: ${JSON.stringify(findings)}`);
  return jail;
}
