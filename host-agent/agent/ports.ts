/** What shared/filter asks of a host: the local time zone, and how long this thread has been at work. */

import type { CivilTime, LocalZone } from '../../shared/filter/calendar.ts';
import type { Clock } from '../../shared/filter/regex/watch.ts';
import type { Seconds, UnixTime } from '../../shared/time.ts';

/** The zone of the process (TZ, /etc/localtime). */
export const localZone: LocalZone = { toUnix, offsetAt };

export const threadClock: Clock = {
  cpu_ms: () => {
    const { user, system } = process.threadCpuUsage();
    return (user + system) / 1000;
  },
  wall_ms: () => performance.now(),
};

/** The minute asked for last, and when it begins: lines of a log come in order. */
let lastMinute = '';
let lastMinuteAt = 0;

function toUnix({ year, month, day, hour, minute, second }: CivilTime): UnixTime {
  const asked = `${year} ${month} ${day} ${hour} ${minute}`;
  if (asked !== lastMinute) {
    const at = new Date(2000, 0, 1, hour, minute);
    // the constructor takes the years 0 to 99 for 1900 to 1999
    at.setFullYear(year, month - 1, day);
    at.setHours(hour, minute, 0, 0);
    lastMinuteAt = at.getTime() / 1000;
    lastMinute = asked;
  }
  return lastMinuteAt + second;
}

/** The minute since 1970 asked for last, and the offset in it; no zone changes within a minute any more. */
let lastOffsetMinute = Number.NaN;
let lastOffset = 0;

function offsetAt(time: UnixTime): Seconds {
  const minute = Math.floor(time / 60);
  if (minute !== lastOffsetMinute) {
    lastOffset = -new Date(time * 1000).getTimezoneOffset() * 60;
    lastOffsetMinute = minute;
  }
  return lastOffset;
}
