/** What a filter is made of: what the jail says, and what the host hands to it. */
import type { Seconds } from '../time.ts';
import type { LocalZone } from './calendar.ts';
import type { RegexSource } from './failregex.ts';
import type { UseDns } from './failure-id.ts';
import type { LogLines } from './log-lines.ts';
import type { Re2 } from './regex/pattern.ts';
import type { AsciiText } from './regex/subject.ts';
import type { Clock } from './regex/watch.ts';

/** What a jail says about its filter, every tag of the configuration's own language already replaced. */
export interface FilterConf {
  readonly failregex: readonly RegexSource[];
  readonly ignoreregex: readonly RegexSource[];
  readonly prefregex?: RegexSource | null;
  /** How many lines a regex may see at once; 1 if not given. */
  readonly maxlines?: number;
  /** One pattern a line; fail2ban's default list if not given or empty. */
  readonly datepattern?: string | null;
  /** For dates without a zone; the host's zone if not given. */
  readonly logtimezone?: string | null;
  /** `warn` if not given. */
  readonly usedns?: UseDns;
  /** Older lines are left out in `initial` mode. */
  readonly findtime: Seconds;
  /** Try every failregex instead of stopping at the first hit, as fail2ban-regex does. */
  readonly checkAllRegex?: boolean;
  /** Nobody asks for the lines of a failure: it has none. */
  readonly withoutMatches?: boolean;
}

/** What a filter is handed by the host. */
export interface FilterPorts {
  readonly re2: Re2;
  readonly zone: LocalZone;
  /** Text of a line by the jail's logencoding; bytes that are none become U+FFFD, nothing is thrown. */
  decode(bytes: Uint8Array): string;
  /** The same for bytes that are all ASCII: every logencoding has it as it is. */
  readonly ascii: AsciiText;
  /** Of another filter that reads the same logs, with the same encoding, datepattern and time zone. */
  readonly lines?: LogLines | undefined;
  /** Addresses of a name from a cache; `pending` where the answer is still being fetched. Never waits. */
  resolve(name: string): readonly string[] | 'pending';
  /** Where the host has one, a line that takes too long is a miss; without one only steps are counted. */
  readonly clock?: Clock;
}
