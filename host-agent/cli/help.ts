/** What -h and help print. */

const commands: readonly (readonly [string, string])[] = [
  ['start', 'starts the server and the jails'],
  ['restart [JAIL]', 'restarts the server, or one jail'],
  ['reload [--restart] [--unban] [--if-exists] [JAIL|--all]', 'reads the configuration again'],
  ['stop [--unban]', 'stops the jails and ends the server'],
  ['ping', 'tests if the server is alive'],
  ['version', "prints the server's version"],
  ['status [JAIL [FLAVOR] | --all [FLAVOR]]', 'prints the status; flavors: basic, short, stats, cymru (asks DNS)'],
  ['stats', 'prints the counts of all jails as a table'],
  ['banned [IP ...]', 'lists the bans by jail, or the jails that ban each IP'],
  ['unban IP ... | --all', 'lifts bans in all jails'],
  ['set JAIL banip [--force] IP ...', 'bans; --force even whom a guard spares'],
  ['set JAIL unbanip [--report-absent] IP ...', 'lifts bans'],
  ['set JAIL attempt IP [LINE ...]', 'counts a failure for each line'],
  ['add JAIL [BACKEND]', 'makes a jail: auto, polling, pyinotify, systemd'],
  ['start JAIL', 'has it read its logs'],
  ['stop JAIL | --all', 'takes its blocks out of the firewall, until the next reload'],
  ['set JAIL idle on|off', 'nothing is read for it, or again (what is set holds until the next reload)'],
  ['set JAIL addignoreip|delignoreip IP ...', 'spares addresses, networks, names; or not'],
  ['set JAIL ignoreself|ignorecommand|ignorecache VALUE', 'changes whom it spares'],
  ['set JAIL maxretry|findtime|maxmatches VALUE', 'changes how it counts'],
  ['set JAIL bantime|bantime.OPTION VALUE', 'changes how long it bans'],
  ['set JAIL addlogpath FILE [head|tail]', 'reads a file too'],
  ['set JAIL dellogpath FILE', 'reads it no more'],
  ['set JAIL addjournalmatch|deljournalmatch FIELD=VALUE ...', 'changes what it reads of the journal'],
  ['set JAIL addfailregex|addignoreregex REGEX', 'adds a regular expression'],
  ['set JAIL delfailregex|delignoreregex INDEX', 'takes one away'],
  ['set JAIL prefregex|maxlines|usedns VALUE', 'changes the filter'],
  ['set JAIL datepattern|logtimezone|logencoding VALUE', 'changes how lines are read'],
  ['set JAIL addaction|delaction ACTION', 'adds an action of commands, or takes one away'],
  ['set JAIL action ACTION PROPERTY VALUE', 'changes a command (actionban, ...) or a parameter of it'],
  ['set loglevel|logtarget|syslogsocket VALUE', 'changes the log'],
  ['set dbmaxmatches|dbpurgeage VALUE', 'changes what the database keeps'],
  ['get JAIL banip [SEPARATOR|--with-time]', 'lists the bans by their ends'],
  ['get JAIL banned [IP ...]', 'lists the bans, or 1 or 0 for each IP'],
  ['get JAIL maxretry|findtime|maxmatches|bantime|bantime.OPTION', 'prints a setting'],
  ['get JAIL ignoreip|ignoreself|ignorecommand|ignorecache', 'prints a setting'],
  ['get JAIL logpath|journalmatch|logencoding|datepattern|logtimezone', 'prints a setting'],
  ['get JAIL prefregex|failregex|ignoreregex|maxlines|usedns', 'prints a setting'],
  ['get JAIL givenup', 'how many lines took too long, and counted as misses'],
  ['get JAIL actions', 'lists its actions'],
  ['get JAIL actionproperties ACTION', 'lists what can be got and set of one'],
  ['get JAIL action ACTION PROPERTY', 'prints a command or a parameter of it'],
  ['get loglevel|logtarget|syslogsocket', 'prints a setting of the log'],
  ['get dbfile|dbmaxmatches|dbpurgeage', 'prints a setting of the database'],
  ['echo WORD ...', 'prints the words'],
  ['sleep SECONDS', 'answers after a while'],
  ['flushlogs', 'opens the log file anew, for logrotate'],
];

const options: readonly (readonly [string, string])[] = [
  ['-c, --conf DIR', 'configuration directory (/etc/edgeban; /etc/fail2ban works too)'],
  ['-s, --socket FILE', 'socket path'],
  ['-p, --pidfile FILE', 'pid file path'],
  ['--pname NAME', 'the name of the process in ps and top (edgeban-server)'],
  ['--loglevel LEVEL', 'CRITICAL, ERROR, WARNING, NOTICE, INFO, DEBUG'],
  ['--logtarget TARGET', 'a file, STDOUT, STDERR, SYSLOG or SYSTEMD-JOURNAL'],
  ['--syslogsocket FILE', 'where SYSLOG is written to (auto)'],
  ['--dbfile FILE', 'database path'],
  ['-d', "prints the configuration as fail2ban's commands"],
  ['--dp, --dump-pretty', 'the same, laid out for reading'],
  ['--str2sec STRING', 'prints a length of time in seconds'],
  ['-t, --test', 'tests the configuration, with or without a command'],
  ['--json', 'prints answers and findings as JSON'],
  ['-i', 'reads commands from stdin'],
  ['-v', 'says more'],
  ['-q', 'says less'],
  ['-x', 'accepted; a dead socket file is always replaced'],
  ['-b', 'starts the server in the background (default)'],
  ['-f', 'starts the server in the foreground'],
  ['--async', 'starts in the background without waiting for the server'],
  ['--timeout SECONDS', 'how long to wait for the server (30)'],
  ['-h, --help', 'prints this'],
  ['-V, --version', 'prints the version (-V the bare number)'],
];

export function helpText(program: 'edgeban-client' | 'edgeban-server'): string {
  const client = program === 'edgeban-client';
  const lines = [`Usage: ${program} [OPTIONS]${client ? ' <COMMAND>' : ''}`, '', 'Options:', ...table(options)];
  return [...lines, ...(client ? ['', 'Command:', ...table(commands)] : [])].join('\n');
}

function table(rows: readonly (readonly [string, string])[]): string[] {
  return rows.map(([left, right]) =>
    left.length > 24 ? `    ${left}\n${' '.repeat(30)}${right}` : `    ${left.padEnd(25)} ${right}`,
  );
}
