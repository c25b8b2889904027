/** The date patterns of a filter, compiled once for all jails that look for the same dates. */
import type { UnixTime } from '../time.ts';
import { civilOf, wallSeconds } from './calendar.ts';
import type { FilterConf, FilterPorts } from './conf.ts';
import { date_patterns_max } from './limits.ts';
import { compilePattern } from './regex/compile.ts';
import type { Pattern, Re2 } from './regex/pattern.ts';

export function dateConf(
  conf: Pick<FilterConf, 'datepattern' | 'logtimezone'>,
  ports: Pick<FilterPorts, 're2' | 'zone'>,
  now: UnixTime,
) {
  const { re2, zone } = ports;
  const compile = (regex: string, numbered: boolean) => compileDate(re2, regex, numbered);
  const kit = { compile, year: civilOf(wallSeconds(now, zone)).year };
  return { datepattern: conf.datepattern ?? null, logtimezone: conf.logtimezone ?? null, kit, zone };
}

/** Nearly all jails look for the same dates: their patterns are compiled once for each RE2. */
const datePatterns = new WeakMap<Re2, Map<string, Pattern>>();

function compileDate(re2: Re2, regex: string, numbered: boolean): Pattern {
  const known = datePatterns.get(re2) ?? new Map<string, Pattern>();
  datePatterns.set(re2, known);
  const key = `${numbered} ${regex}`;
  const pattern = known.get(key) ?? compilePattern(regex, { re2, numbered, alike: true });
  if (known.size < date_patterns_max) known.set(key, pattern);
  return pattern;
}
