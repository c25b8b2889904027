/** Answers for programs (`--json`): fail2ban's nested lists of labels and values become objects. */
import { isList, type ReplyValue } from '../control/framing.ts';

/** One JSON value on one line. Labels become keys: `Currently banned` is `currently_banned`. */
export function renderJson(words: readonly string[], value: ReplyValue): string {
  return JSON.stringify(words[0] === 'status' && words[2] !== 'stats' ? statusObject(value) : value);
}

function statusObject(value: ReplyValue): ReplyValue {
  if (!isList(value)) return value;
  const entries = value.map((row): [string, ReplyValue] => {
    if (!isList(row)) return ['jails', jailObjects(row)];
    const [label, content] = row;
    return [key(label ?? ''), contentOf(key(label ?? ''), content ?? null)];
  });
  return Object.fromEntries(entries);
}

function jailObjects(value: ReplyValue): ReplyValue {
  if (value === null || typeof value !== 'object' || isList(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, status]) => [name, statusObject(status)]));
}

function contentOf(name: string, content: ReplyValue): ReplyValue {
  if (name === 'jail_list' && typeof content === 'string') return content === '' ? [] : content.split(', ');
  return name === 'filter' || name === 'actions' ? statusObject(content) : content;
}

function key(label: ReplyValue): string {
  return String(label).toLowerCase().replaceAll(' ', '_');
}
