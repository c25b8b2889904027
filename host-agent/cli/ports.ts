/** What the command line programs need of the rest of the host agent; main.ts hands it in. */
import type { Command } from '../../shared/config/stream.ts';
import type { ErrorCode } from '../../shared/errors.ts';
import type { Terminal } from './terminal.ts';

/** One thing that the configuration test found. Errors make `-t` fail; warnings and notices do not. */
export interface Finding {
  readonly severity: 'error' | 'warning' | 'notice';
  readonly code: ErrorCode;
  readonly message: string;
  readonly file?: string | undefined;
  readonly line?: number | undefined;
  readonly remedy?: string | undefined;
}

/** The settings of [Definition] in edgeban.conf / fail2ban.conf that a program needs before a daemon runs. */
export interface ServerSettings {
  readonly socket: string;
  readonly pidfile: string;
  /** A file, STDOUT, STDERR, SYSLOG or SYSTEMD-JOURNAL, with `[options]`. */
  readonly logtarget: string;
  /** `auto`, or the path of the syslog socket. */
  readonly syslogsocket: string;
  readonly loglevel: string;
  /** A file, `:memory:`, or `None`. */
  readonly dbfile: string;
}

/** What `-d` prints. With a finding that stops all, there are no commands. */
export interface CommandStream {
  readonly commands: readonly Command[];
  readonly findings: readonly Finding[];
}

export interface ServeOptions {
  readonly configDir: string;
  /** What it is called in ps and top. */
  readonly processName: string;
  readonly settings: ServerSettings;
  /** To be called once, when the control socket answers and the jails are started. */
  readonly ready: () => void;
}

export interface EnrollOptions {
  readonly configDir: string;
  readonly settings: ServerSettings;
  readonly url: string;
  /** One-time, from the operator. Never logged, never printed. */
  readonly token: string;
  readonly name: string;
}

export interface ImportOptions {
  /** The folder of fail2ban's configuration. */
  readonly from: string;
  /** fail2ban's database; `None` for none; null: the one that its configuration names. */
  readonly database: string | null;
  readonly configDir: string;
  readonly dbfile: string;
  /** Runs edgeban-client on this configuration. */
  readonly client: readonly string[];
}

/** What an import finds and will do. */
export interface ImportReport {
  readonly files: readonly { readonly path: string; readonly state: 'new' | 'same' | 'kept' }[];
  /** fail2ban's jails that edgeban runs, and those that it cannot. */
  readonly jails: readonly string[];
  readonly left: readonly string[];
  readonly findings: readonly { readonly severity: Finding['severity']; readonly message: string }[];
  readonly database: string | null;
  /** Bans in force by jail. */
  readonly active: Readonly<Record<string, number>>;
  readonly remembered: number;
  /** fail2ban's process; null: it does not run. */
  readonly running: number | null;
  readonly systemd: boolean;
}

/** What an enrolled host knows of itself; the same as in its settings file. */
export interface Enrolment {
  readonly url: string;
  readonly host: string;
  readonly ledger: string;
  /** Where it is written. */
  readonly file: string;
}

/** What the operator's verbs need of the host. */
export type OperatorPorts = Pick<HostPorts, 'serverSettings'>;

export interface HostPorts {
  /** edgeban's version, `1.2.3`. */
  readonly version: string;
  /** The program and first arguments that run `edgeban-server`, e.g. `[process.execPath, '/…/main.ts', 'edgeban-server']`. */
  readonly serverCommand: readonly string[];
  /** The systemd unit that the daemon of this pid file runs as; null: none. */
  serviceOf(pidfile: string): Promise<string | null>;
  /** Null when it is ready again, else what is wrong. */
  restartService(unit: string): Promise<string | null>;
  /** Reads only what ServerSettings names, with defaults for what the files leave out. Throws EdgebanError. */
  serverSettings(configDir: string): Promise<ServerSettings>;
  /** Everything that `start` would do short of starting. Never throws for a fault of the configuration: that is a finding. */
  testConfiguration(configDir: string): Promise<readonly Finding[]>;
  /** The configuration as the commands that fail2ban's client sends; `overrides` are the command line's. Never throws either. */
  commandStream(configDir: string, overrides: Partial<ServerSettings>): Promise<CommandStream>;
  /** Runs the daemon in this process (log, control socket, signals, jails) until it is stopped. Throws EdgebanError. */
  serve(options: ServeOptions): Promise<void>;
  /** Makes the host's key if there is none, enrols it, writes the settings file. Throws EdgebanError. */
  enroll(options: EnrollOptions): Promise<Enrolment>;
  /** Reads what fail2ban has; `run` takes it over, told step by step. Both throw EdgebanError. */
  importFail2ban(options: Omit<ImportOptions, 'client'> & Pick<ServerSettings, 'socket' | 'pidfile'>): Promise<{
    report(): ImportReport;
    run(say: (text: string) => void): Promise<void>;
  }>;
  /** Takes out of nftables what edgeban has left there; gives the jails that it was of. Throws EdgebanError, also while a daemon runs. */
  withdraw(): Promise<readonly string[]>;
  /** Null: this host is not enrolled. */
  enrolment(configDir: string, settings: ServerSettings): Promise<Enrolment | null>;
  /** Runs `edgeban edge VERB` for the operator; gives its exit code, null for a verb that it does not know. Throws EdgebanError. */
  operate(verb: string, argv: readonly string[], terminal: Terminal): Promise<number | null>;
}
