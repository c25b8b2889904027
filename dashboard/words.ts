/** Times, numbers and foreign text as people read them. */

/** What a host or a log line says may be hostile: no characters that hide, turn round or break what stands beside them. */
const unseen = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cn}]/gu;
const text_length_max = 300;

export function plain(text: string, length_max = text_length_max): string {
  const seen = text.replace(unseen, '\u{fffd}');
  return seen.length > length_max ? `${seen.slice(0, length_max)}…` : seen;
}

const numbers = new Intl.NumberFormat('en', { maximumFractionDigits: 0 });

export function count(value: number): string {
  return numbers.format(value);
}

/** `1 ban`, `2 bans`. */
export function many(value: number, one: string, several = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : several}`;
}

const units = [
  ['d', 86_400],
  ['h', 3_600],
  ['min', 60],
  ['s', 1],
] as const;

/** A length of time in its two largest units: `3 d 4 h`, `12 min`. */
export function span(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const first = units.findIndex(([, length]) => whole >= length);
  const [name, length] = units[first] ?? (['s', 1] as const);
  const amount = Math.floor(whole / length);
  const next = units[first + 1];
  const rest = next === undefined || amount >= 10 ? 0 : Math.floor((whole % length) / next[1]);
  return next === undefined || rest === 0 || name === 'min'
    ? `${amount} ${name}`
    : `${amount} ${name} ${rest} ${next[0]}`;
}

/** `5 min ago`; what is a little ahead of this clock is now. */
export function ago(at: number, now: number): string {
  return now - at < 5 ? 'just now' : `${span(now - at)} ago`;
}

/** Unix seconds; null: never. */
export function left(until: number | null, now: number): string {
  if (until === null) return 'for ever';
  return until <= now ? 'ended' : `${span(until - now)} left`;
}

const dates = new Intl.DateTimeFormat('en-GB', {
  year: 'numeric',
  month: 'short',
  day: '2-digit',
  hour: '2-digit',
  minute: '2-digit',
  second: '2-digit',
});
const clocks = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });

export function date(at: number): string {
  return dates.format(at * 1000);
}

export function clock(at: number): string {
  return clocks.format(at * 1000);
}

/** As fail2ban writes lengths of time (`10m`, `1d`, `-1` for ever), in seconds; null: not one. */
export function bantime(text: string): number | null {
  const found = /^\s*(-1|\d{1,9})\s*(s|m|h|d|w)?\s*$/.exec(text);
  if (found === null) return null;
  const value = Number(found[1]);
  if (value < 0) return found[2] === undefined ? -1 : null;
  const lengths: Record<string, number> = { s: 1, m: 60, h: 3_600, d: 86_400, w: 604_800 };
  const seconds = value * (lengths[found[2] ?? 's'] ?? 1);
  return seconds >= 1 && seconds <= 1e10 ? seconds : null;
}

/** What was thrown, in words: anything can be. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
