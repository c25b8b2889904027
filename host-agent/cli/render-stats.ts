/** fail2ban's `stats` table. */
import { isList, type ReplyValue } from '../control/framing.ts';
import { str } from './python.ts';

interface Column {
  readonly width_min: number;
  readonly right: boolean;
}

const columns: readonly Column[] = [
  { width_min: 8, right: false },
  { width_min: 8, right: false },
  { width_min: 3, right: true },
  { width_min: 3, right: true },
  { width_min: 3, right: true },
  { width_min: 3, right: true },
];

/** `value`: `{jail: [backend, [failed now, ever], [banned now, ever]]}`. Without jails the head stands alone (fail2ban crashes there). */
export function renderStats(value: ReplyValue): string {
  const rows = rowsOf(value);
  const widths = columns.map(({ width_min }, at) => Math.max(width_min, ...rows.map((row) => row[at]?.length ?? 0)));
  const row = (cells: readonly string[]) => joined(padded(cells, widths));
  const groups = groupWidths(widths);
  const rule = (cross: string) => `${groups.map((width) => '═'.repeat(width)).join(`═${cross}═`)}═`;
  const [jail = 0, backend = 0, filter = 0, actions = 0] = groups;
  const blank = `${' '.repeat(jail)} ║ ${' '.repeat(backend)}`;
  const titles = `${'Jail'.padEnd(jail)} ║ ${'Backend'.padEnd(backend)}`;
  return [
    `${blank} ║ ${'Filter'.padEnd(filter)} ║ ${'Actions'.padEnd(actions)}`,
    `${titles} ╟─${'─'.repeat(filter)}─╫─${'─'.repeat(actions)}─`,
    row(['', '', 'cur', 'tot', 'cur', 'tot']),
    rule('╬'),
    ...rows.map(row),
    rule('╩'),
  ].join('\n');
}

function rowsOf(value: ReplyValue): string[][] {
  if (value === null || typeof value !== 'object' || isList(value)) return [];
  return Object.entries(value).map(([name, stats]) => [name, ...(isList(stats) ? stats : []).flatMap(cells)]);
}

function cells(value: ReplyValue): string[] {
  return isList(value) ? value.map(str) : [str(value)];
}

function padded(row: readonly string[], widths: readonly number[]): string[] {
  return widths.map((width, at) => {
    const cell = row[at] ?? '';
    return columns[at]?.right ? cell.padStart(width) : cell.padEnd(width);
  });
}

function joined([jail, backend, failed, failedEver, banned, bannedEver]: readonly string[]): string {
  return `${jail} ║ ${backend} ║ ${failed} │ ${failedEver} ║ ${banned} │ ${bannedEver}`;
}

/** Widths of the four titled groups: two columns with ` │ ` between them are one group. */
function groupWidths([
  jail = 0,
  backend = 0,
  failed = 0,
  failedEver = 0,
  banned = 0,
  bannedEver = 0,
]: readonly number[]): number[] {
  return [jail, backend, failed + 3 + failedEver, banned + 3 + bannedEver];
}
