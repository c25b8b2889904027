/** What the command line programs need of the rest of the host agent; main.ts hands it in. */
import type { Command } from '../../shared/config/stream.ts';
import type { ErrorCode } from '../../shared/errors.ts';

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
  /** A file, STDOUT or STDERR. */
  readonly logtarget: string;
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

/** What an enrolled host knows of itself; the same as in its settings file. */
export interface Enrolment {
  readonly url: string;
  readonly host: string;
  readonly ledger: string;
  /** Where it is written. */
  readonly file: string;
}

export interface HostPorts {
  /** edgeban's version, `1.2.3`. */
  readonly version: string;
  /** The program and first arguments that run `edgeban-server`, e.g. `[process.execPath, '/…/main.ts', 'edgeban-server']`. */
  readonly serverCommand: readonly string[];
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
  /** Null: this host is not enrolled. */
  enrolment(configDir: string, settings: ServerSettings): Promise<Enrolment | null>;
}
