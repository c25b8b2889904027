/** The daemon's log, in fail2ban's line format, so that its filters and the tools around it can read it. */

/** One room's voice in the log. A message is one line; control characters in it are escaped. */
export interface Logger {
  critical(message: string): void;
  error(message: string): void;
  warning(message: string): void;
  notice(message: string): void;
  info(message: string): void;
  debug(message: string): void;
}
