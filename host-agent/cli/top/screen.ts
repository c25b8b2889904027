/** What `edgeban top` shows, as lines that fit a terminal. What log lines have named is made harmless and of one width. */
import { durationText, timeText } from '../../agent/wording.ts';
import type { Watch, WatchEvent, WatchJail } from '../../control/watch.ts';
import type { Pace, Paces } from './pace.ts';

export interface View {
  readonly watch: Watch;
  readonly paces: Paces;
  /** Oldest first. */
  readonly events: readonly WatchEvent[];
  /** Why there is no fresh answer; null: there is one. */
  readonly trouble: string | null;
}

export interface Size {
  readonly columns: number;
  readonly rows: number;
}

export type Paint = 'plain' | 'title' | 'good' | 'bad' | 'dim';

/** A line, painted as a whole: where there are no colours it says the same. */
export interface Row {
  readonly text: string;
  readonly paint: Paint;
}

const events_min = 6;
const columns_min = 20;
const jail_column_max = 20;

/** Exactly `rows` lines at most, none wider than `columns`. */
export function screen(view: View, { columns, rows }: Size): Row[] {
  const width = Math.max(columns, columns_min);
  const { events } = view;
  const head = headRows(view);
  const room = Math.max(0, rows - head.length - 4);
  const forEvents = Math.min(events_min, events.length, Math.ceil(room / 2));
  const name = Math.min(jail_column_max, Math.floor(width / 4));
  const jails = jailRows(view, Math.max(1, room - forEvents), name);
  const shown = events.slice(-Math.max(1, room - jails.length)).toReversed();
  const all: Row[] = [
    ...head,
    plain(''),
    title(
      `${pad('JAIL', name)}${right('FAIL/S', 9)}${right('BAN/S', 9)}${right('FAILING', 10)}${right('BANNED', 10)}  STATE`,
    ),
    ...jails,
    plain(''),
    title(`${pad('TIME', 10)}${pad('WHAT', 9)}${pad('JAIL', name)}WHO`),
    ...(events.length === 0 ? [dim('nothing yet')] : shown.map((event) => eventRow(event, name))),
  ];
  return all.slice(0, rows).map(({ text, paint }) => ({ text: text.slice(0, width), paint }));
}

function headRows({ watch, paces, trouble }: View): Row[] {
  const { jails, now, started, version, edge } = watch;
  const banned = jails.reduce((sum, jail) => sum + jail.banned, 0);
  const missing = jails.reduce((sum, jail) => sum + jail.missing, 0);
  const up = `edgeban ${safe(version)}   up ${durationText(Math.floor(now - started))}   ${timeText(now)}`;
  const pace = paces.all;
  const sums = `${jails.length} jail${jails.length === 1 ? '' : 's'}   ${rate(pace, 'failures')} failures/s   ${rate(pace, 'bans')} bans/s   ${banned} banned`;
  return [
    title(up),
    plain(sums),
    ...(trouble === null ? [] : [bad(`NO ANSWER: ${safe(trouble)}; it is asked again`)]),
    ...(missing === 0 ? [] : [bad(`${missing} ban${missing === 1 ? ' is' : 's are'} NOT in force`)]),
    ...(edge === null ? [] : [edgeRow(edge)]),
  ];
}

function edgeRow({ feed, waiting, trouble }: NonNullable<Watch['edge']>): Row {
  const text = `edge ${feed}${waiting === 0 ? '' : `, ${waiting} events wait`}`;
  return trouble === null ? plain(text) : bad(`${text}: ${safe(trouble)}`);
}

/** Those in which most happens come first; the last line counts what there is no room for. */
function jailRows({ watch, paces }: View, room: number, name: number): Row[] {
  const weight = ({ jail, banned }: WatchJail) => {
    const pace = paces.of(jail);
    return [(pace?.failures ?? 0) + (pace?.bans ?? 0), banned] as const;
  };
  const sorted = watch.jails.toSorted((one, other) => {
    const [paceA, bannedA] = weight(one);
    const [paceB, bannedB] = weight(other);
    return paceB - paceA || bannedB - bannedA || (one.jail < other.jail ? -1 : 1);
  });
  const fits = sorted.length <= room ? sorted.length : Math.max(0, room - 1);
  const rest = sorted.length - fits;
  const rows = sorted.slice(0, fits).map((jail) => jailRow(jail, paces.of(jail.jail), name));
  return rest === 0 ? rows : [...rows, dim(`and ${rest} more`)];
}

function jailRow({ jail, failing, banned, missing, idle }: WatchJail, pace: Pace | null, name: number): Row {
  const state = missing > 0 ? `${missing} NOT in force` : idle ? 'idle' : 'ok';
  const counts = `${right(rate(pace, 'failures'), 9)}${right(rate(pace, 'bans'), 9)}${right(String(failing), 10)}${right(String(banned), 10)}`;
  const text = `${pad(safe(jail), name)}${counts}  ${state}`;
  return { text, paint: missing > 0 ? 'bad' : idle ? 'dim' : 'plain' };
}

const paints: Readonly<Record<WatchEvent['kind'], Paint>> = {
  found: 'plain',
  prolong: 'plain',
  spared: 'dim',
  ban: 'bad',
  unban: 'good',
  refused: 'dim',
};

function eventRow({ at, kind, jail, id }: WatchEvent, name: number): Row {
  const text = `${pad(timeText(at).slice(11), 10)}${pad(kind, 9)}${pad(safe(jail), name)}${safe(id)}`;
  return { text, paint: paints[kind] };
}

function rate(pace: Pace | null, key: keyof Pace): string {
  if (pace === null) return '-';
  return pace[key] >= 100 ? String(Math.round(pace[key])) : pace[key].toFixed(1);
}

/** Nothing but what takes one column and changes nothing else: a user name can be any bytes. */
function safe(text: string): string {
  return text.replace(/[^\x20-\x7e\u00a1-\u00ac\u00ae-\u02af\u0391-\u03ff\u0400-\u0482\u048a-\u052f]/gu, '?');
}

/** Cut where it is longer, so that columns stay columns. */
function pad(text: string, width: number): string {
  return `${text.length < width ? text : `${text.slice(0, width - 2)}~`}`.padEnd(width);
}

function right(text: string, width: number): string {
  return text.padStart(width);
}

const plain = (text: string): Row => ({ text, paint: 'plain' });
const title = (text: string): Row => ({ text, paint: 'title' });
const bad = (text: string): Row => ({ text, paint: 'bad' });
const dim = (text: string): Row => ({ text, paint: 'dim' });
