/** Turns a journal entry into the line that fail2ban's filters see: `HOST IDENT[PID]: MESSAGE`. */
import type { Line } from '../../shared/ticket.ts';
import type { UnixTime } from '../../shared/time.ts';
import { LINE_BYTES_MAX } from './cut.ts';
import type { Entry } from './journal-export.ts';

const NEWLINE = 10;

/** The fields that a line is made of; journalctl adds cursor and timestamps by itself. */
export const lineFields = [
  'MESSAGE',
  '_HOSTNAME',
  'SYSLOG_IDENTIFIER',
  '_COMM',
  'SYSLOG_PID',
  '_PID',
  '_SOURCE_REALTIME_TIMESTAMP',
  '_SOURCE_MONOTONIC_TIMESTAMP',
] as const;

export const entryFields = ['__CURSOR', '__REALTIME_TIMESTAMP', '__MONOTONIC_TIMESTAMP'] as const;

/** Without host, identifier or PID their part is left out; a line end in the message becomes `\n` in letters. */
export function lineOf(entry: Entry): Line {
  const parts = [first(entry, '_HOSTNAME'), ...origin(entry), message(entry)].filter((part) => part !== null);
  const bytes = Buffer.concat(parts.flatMap((part, i) => (i === 0 ? [part] : [Buffer.from(' '), part])));
  const time = sourceTime(entry) ?? receivedAt(entry);
  return { bytes: oneLine(bytes).subarray(0, LINE_BYTES_MAX), ...(time === null ? {} : { time }) };
}

/** When journald took the entry in: its own clock, no sender's. */
export function receivedAt(entry: Entry): UnixTime | null {
  return seconds(first(entry, '__REALTIME_TIMESTAMP'));
}

export function cursorOf(entry: Entry): string | null {
  return first(entry, '__CURSOR')?.toString('latin1') ?? null;
}

function sourceTime(entry: Entry): UnixTime | null {
  return seconds(first(entry, '_SOURCE_REALTIME_TIMESTAMP'));
}

/** `IDENT[PID]:`; the kernel has no PID, and fail2ban puts its clock behind it. */
function origin(entry: Entry): Buffer[] {
  const identifier = first(entry, 'SYSLOG_IDENTIFIER') ?? first(entry, '_COMM');
  if (identifier === null) return [];
  const pid = first(entry, 'SYSLOG_PID') ?? first(entry, '_PID');
  const tail = pid === null ? ':' : `[${pid.toString('latin1')}]:`;
  const word = Buffer.concat([identifier, Buffer.from(tail, 'latin1')]);
  return word.equals(Buffer.from('kernel:')) ? [word, kernelClock(entry)] : [word];
}

function kernelClock(entry: Entry): Buffer {
  const clock = first(entry, '_SOURCE_MONOTONIC_TIMESTAMP') ?? first(entry, '__MONOTONIC_TIMESTAMP');
  return Buffer.from(`[${(seconds(clock) ?? 0).toFixed(6).padStart(12)}]`);
}

function message(entry: Entry): Buffer {
  const values = entry.get('MESSAGE') ?? [];
  return Buffer.concat(values.flatMap((value, i) => (i === 0 ? [value] : [Buffer.from(' '), value])));
}

function oneLine(bytes: Buffer): Buffer {
  return bytes.includes(NEWLINE) ? Buffer.from(bytes.toString('latin1').replaceAll('\n', '\\n'), 'latin1') : bytes;
}

/** Null for an empty value too, as fail2ban takes it. */
function first(entry: Entry, field: string): Buffer | null {
  const value = entry.get(field)?.[0];
  return value === undefined || value.length === 0 ? null : value;
}

/** From microseconds. */
function seconds(value: Buffer | null): number | null {
  const microseconds = value === null ? Number.NaN : Number(value.toString('latin1'));
  return Number.isFinite(microseconds) ? microseconds / 1e6 : null;
}
