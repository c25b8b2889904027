/** Times, lengths of time and reasons as fail2ban's log prints them. */
import type { Ignored } from '../../shared/engine/decision.ts';
import type { Seconds, Until } from '../../shared/time.ts';

/** The second that was told last: a burst has many failures of one. */
let second = Number.NaN;
let secondText = '';

/** `2026-11-22 15:17:38`, in local time; `never` for what has no end. */
export function timeText(time: Until): string {
  if (time === null) return 'never';
  if (Math.floor(time) !== second) {
    second = Math.floor(time);
    secondText = textOf(second);
  }
  return secondText;
}

function textOf(time: number): string {
  const at = new Date(time * 1000);
  if (Number.isNaN(at.getTime())) return 'never';
  const two = (value: number) => String(value).padStart(2, '0');
  const day = `${at.getFullYear()}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
  return `${day} ${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}`;
}

const units: readonly (readonly [string, number])[] = [
  ['d', 86_400],
  ['h', 3_600],
  ['m', 60],
  ['s', 1],
];

/** `20m`, `1d 2h`: the largest units that are in it. */
export function durationText(length: Seconds): string {
  if (length < 0) return 'for ever';
  const parts: string[] = [];
  let left = Math.round(length);
  for (const [unit, size] of units) {
    const whole = Math.floor(left / size);
    if (whole > 0) parts.push(`${whole}${unit}`);
    left -= whole * size;
  }
  return parts.length === 0 ? '0s' : parts.join(' ');
}

/** As fail2ban's log words why a failure does not count. */
export function reasonOf(ignored: Ignored): string {
  switch (ignored.by) {
    case 'ip':
    case 'dns':
      return ignored.by;
    case 'self':
      return 'ignoreself rule';
    case 'length':
      return 'its length';
    case 'guard':
      return `guard: ${ignored.message} (${ignored.code})`;
  }
}
