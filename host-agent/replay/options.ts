/** The command line of `edgeban replay`. */
import { parseArgs } from 'node:util';
import { parseSeconds } from '../../shared/config/arithmetic.ts';
import { EdgebanError, messageOf } from '../../shared/errors.ts';
import type { UnixTime } from '../../shared/time.ts';

export const help = `Usage: edgeban replay [OPTIONS]

Runs jails over past logs, touches nothing, and shows who would have been banned, when and for how long.

  -c, --conf DIR         configuration (/etc/edgeban)
  -j, --jail NAME        only this jail, enabled or not; may be given several times (all enabled ones)
  -l, --log FILE         read this log instead of the jails' own, plain, .gz, or saved by journalctl -o export|json;
                         may be given several times, oldest first
      --since TIME       from then on: -7d, 2026-11-20, "2026-11-20 14:00", @1789000000 (all that there is)
      --until TIME       until then (now)
      --set OPTION=VALUE try another setting of jail.conf, in all jails; JAIL:OPTION=VALUE in one
      --compare          the configuration as it is beside the one with --set
      --all              list all bans, not only the newest 50
      --json             one JSON object
  -h, --help             this text

A login is what sshd, Dovecot, Postfix (SASL), vsftpd or ProFTPD log of one. ignorecommand is not asked.`;

/** One `--set`: for one jail, or for all that are replayed (null). */
export interface Setting {
  readonly jail: string | null;
  readonly option: string;
  readonly value: string;
}

export interface ReplayOptions {
  readonly configDir: string;
  /** Empty: all that are enabled. */
  readonly jails: readonly string[];
  readonly logs: readonly string[];
  readonly since: UnixTime | null;
  readonly until: UnixTime;
  readonly settings: readonly Setting[];
  readonly compare: boolean;
  readonly all: boolean;
  readonly json: boolean;
  readonly help: boolean;
}

const text = { type: 'string' } as const;
const texts = { type: 'string', multiple: true } as const;
const flag = { type: 'boolean', default: false } as const;
const known = {
  conf: { ...text, short: 'c', default: '/etc/edgeban' },
  jail: { ...texts, short: 'j' },
  log: { ...texts, short: 'l' },
  since: text,
  until: text,
  set: texts,
  compare: flag,
  all: flag,
  json: flag,
  help: { ...flag, short: 'h' },
} as const;

/** Throws ERR_USAGE. `now` in Unix seconds, for times like -7d. */
export function parseReplayOptions(argv: readonly string[], now: UnixTime): ReplayOptions {
  const values = parsed(argv);
  const settings = (values.set ?? []).map(settingOf);
  if (values.compare && settings.length === 0) throw usage('--compare needs a --set to compare with');
  const { conf: configDir, jail: jails = [], log: logs = [], compare, all, json } = values;
  const since = values.since === undefined ? null : timeOf(values.since, now);
  const until = values.until === undefined ? now : timeOf(values.until, now);
  return { configDir, jails, logs, since, until, settings, compare, all, json, help: values.help };
}

function parsed(argv: readonly string[]) {
  try {
    // node takes a value that begins with a dash only behind an equals sign
    return parseArgs({ args: joined(argv), options: known, allowPositionals: false }).values;
  } catch (error) {
    throw usage(messageOf(error));
  }
}

function joined(argv: readonly string[]): string[] {
  const args: string[] = [];
  for (const word of argv) {
    const option = args.at(-1);
    if (/^-\d/.test(word) && (option === '--since' || option === '--until')) args.splice(-1, 1, `${option}=${word}`);
    else args.push(word);
  }
  return args;
}

function settingOf(word: string): Setting {
  const [, jail, option = '', value = ''] = /^(?:([^:=\s]+):)?([\w.]+)\s*=\s*(.*)$/s.exec(word) ?? [];
  if (option === '') throw usage(`--set ${word}: write OPTION=VALUE or JAIL:OPTION=VALUE`);
  if (/[\r\n]/.test(value)) throw usage(`--set ${option}: the value has a line end`);
  return { jail: jail ?? null, option, value };
}

function timeOf(word: string, now: UnixTime): UnixTime {
  if (/^@\d+(?:\.\d+)?$/.test(word)) return Number(word.slice(1));
  if (/^-\d/.test(word)) return now - secondsOf(word.slice(1));
  const [, day, clock = '00:00:00'] = /^(\d{4}-\d\d-\d\d)(?:[T ](\d\d:\d\d(?::\d\d)?))?$/.exec(word) ?? [];
  const at = day === undefined ? Number.NaN : new Date(`${day}T${clock}`).getTime() / 1000;
  if (Number.isNaN(at)) throw usage(`${word} is no time: write -7d, 2026-11-20, "2026-11-20 14:00" or @SECONDS`);
  return at;
}

function secondsOf(word: string): number {
  try {
    return parseSeconds(word);
  } catch (error) {
    throw usage(`-${word} is no time: ${messageOf(error)}`);
  }
}

export function usage(message: string): EdgebanError {
  return new EdgebanError('ERR_USAGE', message, { remedy: 'edgeban replay --help' });
}
