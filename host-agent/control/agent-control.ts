/** The port through which the words of the control socket reach the daemon; the agent implements it. */

import type { BantimeOption } from '../../shared/config/bantime-extra.ts';
import type { IgnoreCache } from '../../shared/config/jail-values.ts';
import type { Planes } from '../../shared/config/planes.ts';
import type { UseDns } from '../../shared/filter/filter.ts';
import type { Story } from '../../shared/story.ts';
import type { Ban } from '../../shared/ticket.ts';
import type { Seconds, UnixTime } from '../../shared/time.ts';
import type { WatchEvent } from './watch.ts';

/** What `status JAIL` counts (fail2ban's Filter and Actions halves). */
export interface JailCounts {
  /** Ids with failures that are still counted. */
  readonly currentlyFailed: number;
  /** Failures since the jail started. */
  readonly totalFailed: number;
  readonly currentlyBanned: number;
  /** Bans since the jail started, restored ones included, as fail2ban counts. */
  readonly totalBanned: number;
  /** Lines since the jail started that took more than a line may, and count as misses. */
  readonly givenUp: number;
}

/** A jail's settings as `get JAIL …` shows them. Times are in seconds, FOREVER is -1. */
export interface JailSettings {
  /** The backend in use: `polling`, `pyinotify`, `systemd`. */
  readonly backend: string;
  /** Is nothing read for it now? */
  readonly idle: boolean;
  readonly planes: Planes;
  /** The edge alone was to enforce its bans, and cannot: this host does. */
  readonly standsIn: boolean;
  readonly maxretry: number;
  readonly findtime: Seconds;
  readonly bantime: Seconds;
  /** By the name behind `bantime.`; null for what is not set. */
  readonly bantimeExtra: Readonly<Record<string, string | number | boolean | null>>;
  readonly maxmatches: number;
  readonly ignoreself: boolean;
  /** Empty for none. */
  readonly ignorecommand: string;
  readonly ignorecache: IgnoreCache | null;
  readonly usedns: UseDns;
  readonly maxlines: number;
  readonly logtimezone: string | null;
  /** Null: a journal brings its own dates. `pattern`: null for the built-in kinds. */
  readonly datepattern: { readonly pattern: string | null; readonly name: string } | null;
  /** Empty for none. */
  readonly prefregex: string;
  readonly logencoding: string;
  /** As configured, networks and names first, then single addresses, as fail2ban prints them. */
  readonly ignoreip: readonly string[];
  /** The files followed now. */
  readonly logpath: readonly string[];
  /** One list of `FIELD=value` words for each match (fail2ban joins them with ` + `). */
  readonly journalmatch: readonly (readonly string[])[];
  /** Expanded, as handed to the regex engine. */
  readonly failregex: readonly string[];
  readonly ignoreregex: readonly string[];
  readonly actions: readonly string[];
}

/** An empty text is none. */
export interface FilterChanges {
  readonly prefregex?: string;
  readonly datepattern?: string;
  readonly logtimezone?: string;
  readonly usedns?: UseDns;
  readonly maxlines?: number;
}

export interface IgnoringChanges {
  /** Empty for none. */
  readonly ignorecommand?: string;
  readonly ignorecache?: IgnoreCache | null;
}

export type RegexKind = 'failregex' | 'ignoreregex';

/** An action of a jail: its commands (`actionban`, …), its switches, and its parameters. */
export interface ActionSettings {
  readonly name: string;
  readonly properties: Readonly<Record<string, string | boolean | null>>;
}

/** What an action could not carry out, and tries again; `id` null: the action as a whole does not work. */
export interface FailingBan {
  readonly action: string;
  readonly id: BanId | null;
  readonly code: string;
}

/** What a client may name as the thing banned: an address, a network, or any other id (fail2ban takes any string). */
export type BanId = string;

export interface BanOptions {
  /** Against the guards. */
  readonly force: boolean;
  /** For so long, -1 for ever; left out: as long as the jail bans. */
  readonly bantime?: Seconds;
}

export interface JailControl {
  counts(): JailCounts;
  /** Is nothing read for it now? */
  readonly idle: boolean;
  settings(): JailSettings;
  /** Active bans, oldest first (the order in which they were made). */
  bans(): readonly Ban[];
  /** Those of them that are not in force. */
  failing(): readonly FailingBan[];
  /**
   * Bans each now, whatever ignoreip says (fail2ban's banip), through the guards. Resolves when all are in force.
   * Returns how many were not banned before. Throws ERR_GUARD_* where a guard refuses (nothing is banned then).
   */
  ban(ids: readonly BanId[], options: BanOptions): Promise<number>;
  /** Lifts each, and what a network contains; `absent` are those that named no active ban. */
  unban(ids: readonly BanId[]): Promise<Unbanned>;
  /** Counts a failure for each line, at least one, whatever ignoreip says. Throws ERR_GUARD_* where a guard refuses. */
  attempt(id: BanId, lines: readonly string[]): Promise<void>;
  /** Spares these too (addresses, networks, names, `file:PATH`); what is in the list already stands there once. */
  addIgnored(texts: readonly string[]): Promise<void>;
  /** False if it is not in the list. */
  dropIgnored(text: string): Promise<boolean>;
  // all that follows holds until the next reload; what throws has changed nothing
  change(
    settings: Partial<Pick<JailSettings, 'maxretry' | 'findtime' | 'bantime' | 'maxmatches' | 'ignoreself'>>,
  ): void;
  /** Throws ERR_FILTER_*, ERR_REGEX_*. */
  changeFilter(changes: FilterChanges): Promise<void>;
  changeIgnoring(changes: IgnoringChanges): Promise<void>;
  /** Throws ERR_FILTER_ENCODING. */
  changeEncoding(logencoding: string): Promise<void>;
  /** An empty text takes the option away. Throws ERR_CONFIG_EXPRESSION, ERR_CONFIG_TIME, ERR_CONFIG_VALUE. */
  changeBantime(name: BantimeOption, text: string): Promise<void>;
  addRegex(kind: RegexKind, regex: string): Promise<void>;
  /** `index` as Python counts: -1 is the last. One that is not there changes nothing. */
  dropRegex(kind: RegexKind, index: number): Promise<void>;
  /** An absolute path. `tail`: what stands in the file already is left out. */
  addLog(path: string, tail: boolean): Promise<void>;
  dropLog(path: string): Promise<void>;
  /** `FIELD=value` words, `+` between two matches. Throws ERR_JOURNAL_MATCH. */
  addJournalMatch(words: readonly string[]): Promise<void>;
  /** False if there is no such match. */
  dropJournalMatch(words: readonly string[]): Promise<boolean>;
  actions(): readonly ActionSettings[];
  /** Throws ERR_CONFIG_ACTION, ERR_ACTION_PARAMETER; so do the others. */
  addAction(name: string): Promise<void>;
  /** What it blocks is let go. */
  dropAction(name: string): Promise<void>;
  changeAction(name: string, property: string, text: string): Promise<void>;
  /** An idle jail reads nothing; its bans end in their time. */
  setIdle(idle: boolean): Promise<void>;
}

export interface Unbanned {
  readonly lifted: number;
  readonly absent: readonly BanId[];
}

export interface ReloadOptions {
  /** Null: all jails. */
  readonly jail: string | null;
  /** Stop and start the jail, instead of exchanging its settings in place. */
  readonly restart: boolean;
  /** Lift its bans first. */
  readonly unban: boolean;
  /** No error if the jail is unknown. */
  readonly ifExists: boolean;
}

/** How the link to the Worker stands; see edge/. */
export interface EdgeReport {
  readonly url: string;
  readonly host: string;
  /** `live` (WebSocket), `polling`, `down`. */
  readonly feed: 'live' | 'polling' | 'down';
  /** When the Worker last answered; null if it has not yet. */
  readonly answeredAt: UnixTime | null;
  /** Events that wait in the outbox. */
  readonly waiting: number;
  /** The last error, in words; null when all is well. */
  readonly trouble: string | null;
}

/** Of each address its networks' numbers, countries and registries; shorter lists where nobody answered. */
export interface Origins {
  readonly asn: readonly string[];
  readonly country: readonly string[];
  readonly rir: readonly string[];
}

export interface RecentEvents {
  /** When the daemon was made: events of another one are counted otherwise. */
  readonly started: UnixTime;
  /** At most `max` of those after `cursor`, the newest, oldest first; the newest number, and the time of now. */
  after(
    cursor: number,
    max: number,
  ): { readonly now: UnixTime; readonly cursor: number; readonly events: WatchEvent[] };
}

/** The daemon, as its clients see it. All methods may throw EdgebanError: the client gets its code and message. */
export type LeftOutJail = Pick<JailControl, 'bans'> & { readonly name: string };

export interface AgentControl {
  /** What `version` answers: fail2ban's clients compare it, so it is a bare `1.2.3`. */
  readonly version: string;
  /** Jail names in the order in which they were created. */
  jails(): readonly string[];
  /** Null if there is no such jail. */
  jail(name: string): JailControl | null;
  /** Jails that an error keeps from running, with the bans that stay in force there. */
  leftOut(): readonly LeftOutJail[];
  /** Asks DNS where addresses are from. Never rejects. */
  origins(ids: readonly BanId[]): Promise<Origins>;
  /** All that is known of an address, or of any other id; the firewall is asked. */
  explain(id: BanId): Promise<Story>;
  /** What was newly decided, in memory. */
  readonly recent: RecentEvents;
  /** Lifts each, and what a network contains, in every jail, also in those that an error leaves out; returns how many. */
  unban(ids: readonly BanId[]): Promise<number>;
  /** Lifts every ban of every jail; returns how many. */
  unbanAll(): Promise<number>;
  /** Reads the configuration again. Throws ERR_JAIL_UNKNOWN unless `ifExists`. */
  reload(options: ReloadOptions): Promise<void>;
  /**
   * Stops all jails, `unban` lifts their bans first. Resolves when state is saved and the answer may go out; only then may the
   * process close the control server (`ControlServer.close` waits for answers that are on their way) and end.
   */
  stop(options: { readonly unban: boolean }): Promise<void>;
  /** `rolled over` for a file target, `flushed` for others (the words that fail2ban's flushlogs answers). */
  flushLogs(): 'rolled over' | 'flushed';
  readonly logLevel: string;
  /** Until the next reload that finds another one in the file. Returns it as it is now; throws ERR_LOG_LEVEL. */
  setLogLevel(level: string): string;
  readonly logTarget: string;
  /** Throws ERR_LOG_TARGET and keeps the old one. */
  setLogTarget(target: string): void;
  readonly syslogSocket: string;
  /** Throws ERR_LOG_TARGET and keeps the old one. */
  setSyslogSocket(path: string): void;
  /** Null: no database. */
  readonly dbFile: string | null;
  /** How many lines are kept of a ban; a change holds until the daemon ends. */
  dbMaxMatches: number;
  /** How long ended bans are kept; a change holds until the next reload. */
  dbPurgeAge: Seconds;
  /** Makes a jail that reads nothing before it is started. Throws ERR_JAIL_EXISTS, ERR_CONFIG_BACKEND, ERR_CONFIG_JAIL. */
  addJail(name: string, backend: string): void;
  /** Throws ERR_JAIL_UNKNOWN. */
  startJail(name: string): Promise<void>;
  /** Takes a jail's blocks out of the firewall, and forgets the jail (its bans stay saved) until the next reload. */
  stopJail(name: string): Promise<void>;
  /** Null: this host is not enrolled. */
  edge(): EdgeReport | null;
  /** Writes into the log who has asked for something. */
  noteAct(text: string): void;
}
