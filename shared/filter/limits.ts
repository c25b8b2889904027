/** The named limits of this room: attackers write the lines, so nothing here grows with what they send. */

/** A longer line is cut here; the cut end is marked so that no `$` can match at it. */
export const line_bytes_max = 65_536;

/** Stands at the end of a line that was cut: no address, name or word pattern matches it. */
export const cutMark = '…';

/** Sessions (`<F-MLFID>`) that one filter remembers, oldest out first: fail2ban's number. */
export const sessions_max = 100;

/** How long a session is remembered after its first line: fail2ban's five minutes. */
export const session_seconds_max = 300;

/** Different user names remembered in one session; a second one already decides. */
export const users_per_session_max = 20;

/** Matched lines kept in one session, the latest. */
export const matches_per_session_max = 20;

/** A matched line is kept in a session up to this length. */
export const session_match_chars_max = 4_096;

/** Lines that `maxlines` may hold back. */
export const maxlines_max = 1_000;

/** Addresses taken from one name. */
export const addresses_per_name_max = 16;

/** Date patterns kept compiled for all jails together; more are compiled jail by jail. */
export const date_patterns_max = 500;
