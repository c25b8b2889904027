/** What shared/filter asks of a host: the local time zone, and bytes to text. */

import { EdgebanError } from '../../shared/errors.ts';
import type { CivilTime, LocalZone } from '../../shared/filter/calendar.ts';

/** The zone of the process (TZ, /etc/localtime). */
export const localZone: LocalZone = {
  toUnix: ({ year, month, day, hour, minute, second }: CivilTime) => {
    const at = new Date(2000, 0, 1, hour, minute, second);
    // the constructor takes the years 0 to 99 for 1900 to 1999
    at.setFullYear(year, month - 1, day);
    at.setHours(hour, minute, second, 0);
    return at.getTime() / 1000;
  },
  offsetAt: (time) => -new Date(time * 1000).getTimezoneOffset() * 60,
};

/** `auto` is UTF-8. Bytes that are no text become U+FFFD. Throws ERR_FILTER_ENCODING for an unknown name. */
export function decoderOf(logencoding: string): (bytes: Uint8Array) => string {
  const name = ['', 'auto'].includes(logencoding.toLowerCase()) ? 'utf-8' : logencoding;
  try {
    const decoder = new TextDecoder(name, { ignoreBOM: true });
    return (bytes) => decoder.decode(bytes);
  } catch {
    throw new EdgebanError('ERR_FILTER_ENCODING', `unknown logencoding ${JSON.stringify(logencoding)}`, {
      remedy: 'use auto, utf-8, iso-8859-1 or another encoding by its common name',
    });
  }
}
