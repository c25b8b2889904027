/** The flat nouns that rooms hand to each other: a line goes in, a failure comes out, a ban is decided. */
import type { Seconds, UnixTime, Until } from './time.ts';

/** What the edge does to a banned address, weakest first. `off`: nothing. */
export const edgeActions = ['off', 'challenge', 'block'] as const;
export type EdgeAction = (typeof edgeActions)[number];

/** Where a line stands in a piece of a log that is all ASCII; behind it stands a line feed. */
export interface AsciiPlace {
  readonly piece: Uint8Array;
  readonly start: number;
  readonly end: number;
}

/** One line as a source read it, without its line end. */
export interface Line {
  readonly bytes: Uint8Array;
  /** The same bytes, for who need not have an object made of them. */
  readonly place?: AsciiPlace;
  /** Set where the source itself knows the time (journal); otherwise the filter looks for a date in the line. */
  readonly time?: UnixTime;
}

/** One failure that a filter found. */
export interface Failure {
  /** What is counted and banned: an address or network in canonical form, or what the filter's <F-ID> caught. */
  readonly id: string;
  /** The address behind it in canonical form, where there is one (fail2ban's `<ip>`). */
  readonly ip: string | null;
  readonly time: UnixTime;
  /** The matched lines, oldest first. */
  readonly matches: readonly string[];
  /** Named captures (fail2ban's F- tags), lower case: `user`, `port`, … */
  readonly groups: Readonly<Record<string, string>>;
}

/** One ban of one jail. `id` is unique in a jail. */
export interface Ban {
  readonly jail: string;
  readonly id: string;
  readonly ip: string | null;
  /** When it was decided: the time of the last failure, as fail2ban counts. */
  readonly at: UnixTime;
  /** FOREVER never ends. */
  readonly bantime: Seconds;
  readonly until: Until;
  /** How many times this jail has banned this id, this one included. */
  readonly count: number;
  readonly failures: number;
  readonly matches: readonly string[];
  /** Named captures of the failure that led to it (see Failure); none for a ban that was asked for. */
  readonly groups?: Readonly<Record<string, string>>;
  /** The operator wanted it although a guard forbids it: a restart keeps it. */
  readonly forced?: boolean;
}

/** The failures of one id in one jail that have not led to a ban yet. */
export interface Counter {
  readonly jail: string;
  readonly id: string;
  readonly ip: string | null;
  /** Where the interval begins over which `retry` is counted. */
  readonly first: UnixTime;
  /** The newest failure. */
  readonly time: UnixTime;
  /** What is held against maxretry: an estimate (engine/findtime.ts says of what), or how many `times` there are. */
  readonly retry: number;
  /** With a sliding window: when the newest failures were, oldest first. */
  readonly times: readonly UnixTime[];
  readonly failures: number;
  readonly matches: readonly string[];
}

/** What is remembered of the earlier bans of an id, in one jail or summed over all of them. */
export interface PastBan {
  /** How many there were. */
  readonly count: number;
  /** When the newest was decided. */
  readonly at: UnixTime;
}
