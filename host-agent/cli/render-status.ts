/** fail2ban's status trees, with their tabs and back quotes. */
import { isList, type ReplyValue } from '../control/framing.ts';
import { str } from './python.ts';

/** `status` and `status --all`; the latter's answer ends with `{jail: status}`. */
export function renderOverview(value: ReplyValue): string {
  const rows = isList(value) ? value : [];
  const head = rows.filter((row) => isList(row));
  const jails = rows.flatMap((row) =>
    row === null || typeof row !== 'object' || isList(row) ? [] : Object.entries(row),
  );
  const lines = head.map((row, at) => leaf(jails.length === 0 && at === head.length - 1 ? '`-' : '|-', row));
  if (jails.length === 0) return ['Status', ...lines].join('\n');
  return ['Status', ...lines, '`- Status for the jails:', ...jails.flatMap(ofAll)].join('\n');
}

export function renderJailStatus(name: string, value: ReplyValue): string {
  return [`Status for the jail: ${name}`, ...branches(value, '')].join('\n');
}

function ofAll([name, value]: [string, ReplyValue], index: number, all: readonly unknown[]): string[] {
  const last = index === all.length - 1;
  return [`   ${last ? '`-' : '|-'} Jail: ${name}`, ...branches(value, last ? '      ' : '   |  ')];
}

/** The halves Filter and Actions, each with its rows. */
function branches(value: ReplyValue, indent: string): string[] {
  const halves = isList(value) ? value : [];
  return halves.flatMap((half, index) => {
    const last = index === halves.length - 1;
    const [title, rows] = isList(half) ? half : [];
    const below = `${indent}${last ? '   ' : '|  '}`;
    const list = rows !== undefined && isList(rows) ? rows : [];
    const lines = list.map((row, at) => leaf(`${below}${at === list.length - 1 ? '`-' : '|-'}`, row));
    return [`${indent}${last ? '`-' : '|-'} ${str(title ?? '')}`, ...lines];
  });
}

/** `|- Currently failed:<TAB>2` */
function leaf(prefix: string, row: ReplyValue): string {
  const [label, value] = isList(row) ? row : [];
  const text = value !== undefined && isList(value) ? value.map(str).join(' ') : str(value ?? null);
  return `${prefix} ${str(label ?? '')}:\t${text}`;
}
