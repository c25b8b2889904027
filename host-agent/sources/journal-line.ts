/** Turns a journal entry into the line that fail2ban's filters see: `HOST IDENT[PID]: MESSAGE`. */
import type { Line } from '../../shared/ticket.ts';
import type { UnixTime } from '../../shared/time.ts';
import type { Entry } from './journal-export.ts';
import { LINE_BYTES_MAX } from './line-form.ts';

/** Without host, identifier or PID their part is left out; a line end in the message becomes `\n` in letters. */
export function lineOf(entry: Entry): Line {
  const host = entry._HOSTNAME ? `${entry._HOSTNAME} ` : '';
  const text = host + originOf(entry) + (entry.MESSAGE ?? '');
  const line = text.includes('\n') ? text.replaceAll('\n', '\\n') : text;
  const bytes = Buffer.from(line.length > LINE_BYTES_MAX ? line.slice(0, LINE_BYTES_MAX) : line, 'latin1');
  const time = seconds(entry._SOURCE_REALTIME_TIMESTAMP) ?? receivedAt(entry);
  return time === null ? { bytes } : { bytes, time };
}

/** When journald took the entry in: its own clock, no sender's. */
export function receivedAt(entry: Entry): UnixTime | null {
  return seconds(entry.__REALTIME_TIMESTAMP);
}

/** `IDENT[PID]: `; the kernel has no PID, and fail2ban puts its clock behind it. An empty value is none. */
function originOf(entry: Entry): string {
  const identifier = entry.SYSLOG_IDENTIFIER || entry._COMM;
  if (!identifier) return '';
  const pid = entry.SYSLOG_PID || entry._PID;
  const word = pid ? `${identifier}[${pid}]: ` : `${identifier}: `;
  return word === 'kernel: ' ? `${word}${kernelClock(entry)} ` : word;
}

function kernelClock(entry: Entry): string {
  const clock = entry._SOURCE_MONOTONIC_TIMESTAMP || entry.__MONOTONIC_TIMESTAMP;
  return `[${(seconds(clock) ?? 0).toFixed(6).padStart(12)}]`;
}

/** From microseconds. */
function seconds(text: string | undefined): number | null {
  const microseconds = text ? Number(text) : Number.NaN;
  return Number.isFinite(microseconds) ? microseconds / 1e6 : null;
}
