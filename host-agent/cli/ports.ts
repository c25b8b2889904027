/** What the command line programs need of the rest of the host agent; main.ts hands it in. */
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

export interface ServeOptions {
  readonly configDir: string;
  readonly settings: ServerSettings;
  /** -x: a socket file that nobody answers is replaced. (A live one never is.) */
  readonly force: boolean;
}

export interface HostPorts {
  /** edgeban's version, `1.2.3`. */
  readonly version: string;
  /** Reads only what ServerSettings names, with defaults for what the files leave out. Throws EdgebanError. */
  serverSettings(configDir: string): Promise<ServerSettings>;
  /** Everything that `start` would do short of starting. Never throws for a fault of the configuration: that is a finding. */
  testConfiguration(configDir: string): Promise<readonly Finding[]>;
  /** Runs the daemon in this process (log, control socket, signals, jails) until it is stopped. */
  serve(options: ServeOptions): Promise<void>;
}
