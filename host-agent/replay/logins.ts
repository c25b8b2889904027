/** Who has logged in, by the logs: a filter whose hits are no failures but the opposite. */
import type { FilterConf } from '../../shared/filter/filter.ts';

const patterns = [
  // OpenSSH: "Accepted publickey for alice from 192.0.2.1 port 50022 ssh2: …"
  String.raw`^\s*(?:\S+ )?sshd(?:-session)?(?:\[\d+\])?: Accepted \S+ for <F-USER>\S+</F-USER> from <ADDR> port \d+`,
  // Dovecot: "imap-login: Login: user=<alice>, method=PLAIN, rip=192.0.2.1, …"
  String.raw`^\s*(?:\S+ )?dovecot(?:\[\d+\])?: (?:imap|pop3|submission|managesieve)-login: (?:Info: )?(?:Login|Logged in): user=\<<F-USER>[^>]+</F-USER>\>,(?: [a-z]+=[^,]*,)* rip=<ADDR>,`,
  // Postfix: "client=mail.example.com[192.0.2.1], sasl_method=LOGIN, sasl_username=alice"
  String.raw`^\s*(?:\S+ )?postfix(?:/\w+)+(?:\[\d+\])?: [0-9A-Za-z]+: client=[^\s\[]*\[<ADDR>\], sasl_method=\S+, sasl_username=<F-USER>\S+</F-USER>`,
  // vsftpd: "[alice] OK LOGIN: Client "192.0.2.1""
  String.raw`^\s*(?:\[pid \d+\] )?(?:\S+ vsftpd(?:\[\d+\])?: )?\[<F-USER>[^\]\s]+</F-USER>\] OK LOGIN: Client "<ADDR>"`,
  // ProFTPD: "proftpd[7]: host (192.0.2.1[192.0.2.1]) - USER alice: Login successful."
  String.raw`^\s*(?:\S+ )?proftpd(?:\[\d+\])?:? (?:\S+ )?\([^\s\[\)]*\[<ADDR>\]\)[ :-]+USER <F-USER>\S+</F-USER>: Login successful`,
];

export const loginFilter: Pick<FilterConf, 'failregex' | 'ignoreregex' | 'usedns'> = {
  failregex: patterns.map((regex) => ({ regex })),
  ignoreregex: [],
  usedns: 'no',
};
