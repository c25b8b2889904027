/** What -h prints. */

export const usageLine = 'edgeban-regex [OPTIONS] <LOG> <REGEX> [IGNOREREGEX]';

const options: readonly (readonly [string, string])[] = [
  ['--version', 'prints the version'],
  ['-V', 'prints the version and nothing else'],
  ['-h, --help', 'prints this'],
  ['-c, --config DIR', 'configuration directory (/etc/edgeban; /etc/fail2ban works too)'],
  ['-d, --datepattern P', 'how dates are found, in the place of what the filter says'],
  ['--timezone, --TZ ZONE', 'zone of dates that name none: UTC+0200, CET'],
  ['-e, --encoding NAME', 'encoding of the file (UTF-8)'],
  ['-r, --raw', 'names of hosts are not resolved'],
  ['--usedns VALUE', 'yes, warn or no: what becomes of names of hosts'],
  ['-L, --maxlines N', 'how many lines a regex sees at once'],
  ['-m, --journalmatch M', "for systemd-journal, in the place of the filter's"],
  ['-v, --verbose', 'says more; twice: still more'],
  ['--verbosity N', 'the same as a number'],
  ['--verbose-date, --VD', 'prints the regexes of dates'],
  ['--no-check-all', 'stops at the first failregex that hits, as the server does'],
  ['--check-all-regex', 'tries every failregex with -o json too'],
  ['-o, --out FORMAT', 'prints the failures only: id, ip, msg, row, a group (user, ip4, …), <tags>;'],
  ['', 'json: one object a line of the log, matched as the server matches'],
  ['-i, --invert', 'with -o: prints the lines that give no failure'],
  ['-l, --log-level LEVEL', 'tells how it comes to its verdicts: info (files read), tracedebug (lines), heavydebug'],
  ['-t, --log-traceback', 'with -l: each message with the places in the program that it comes from'],
  ['--full-traceback', 'the same, each in full'],
  ['-D, --debuggex', 'lists with links to debuggex.com, which then sees line and regex'],
  ['--print-no-missed', 'no list of missed lines'],
  ['--print-no-ignored', 'no list of ignored lines'],
  ['--print-all-matched', 'a list of the matched lines'],
  ['--print-all-missed', 'the list of missed lines, however many'],
  ['--print-all-ignored', 'the list of ignored lines, however many'],
];

export const helpText = `Usage: ${usageLine}

Tries regular expressions, filters and jails of fail2ban's language on log lines.

LOG:
  a log file, or what journalctl -o export or -o json has written
  systemd-journal, or systemd-journal[journalpath=…, journalfiles=…, journalflags=…, namespace=…]
  otherwise the line itself

REGEX:
  the name of a jail or a filter, with options if need be: sshd[mode=aggressive]
  a filter file: filter.d/sshd.conf, ./my-filter.conf
  otherwise a failregex

IGNOREREGEX:
  an ignoreregex

Options:
${options.map(([name, text]) => `  ${name.padEnd(24)}${text}`).join('\n')}`;
