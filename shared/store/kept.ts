/** What is kept of a ban: of its lines and captures only so many, for attackers write them. */
import type { Ban } from '../ticket.ts';

/** Of all captures of one ban together; what is more is not kept. */
const groups_chars_max = 4096;

/** The ban as it will be read: with its newest lines, `lines_max` of them and `chars_max` in all. */
export function keptOf({ groups = {}, forced, ...ban }: Ban, lines_max: number, chars_max: number): Ban {
  const lines = lines_max > 0 ? ban.matches.slice(-lines_max) : [];
  const captures = capturesWithin(groups);
  return {
    ...ban,
    matches: newestWithin(lines, chars_max),
    ...(captures.length === 0 ? {} : { groups: Object.fromEntries(captures) }),
    ...(forced === true ? { forced } : {}),
  };
}

function newestWithin(lines: readonly string[], chars_max: number): string[] {
  const kept: string[] = [];
  let left = chars_max;
  for (const line of lines.toReversed()) {
    if (left <= 0) break;
    kept.unshift(line.slice(0, left));
    left -= line.length;
  }
  return kept;
}

function capturesWithin(groups: NonNullable<Ban['groups']>): [string, string][] {
  let left = groups_chars_max;
  return Object.entries(groups).filter(([name, value]) => {
    left -= name.length + value.length;
    return left >= 0;
  });
}
