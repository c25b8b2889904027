/** What a client changes of a running jail, as another plan for it: in force until the next reload. */
import { type BantimeExtra, incrementFrom } from '../../shared/config/bantime-extra.ts';
import { parseNamedOptions } from '../../shared/config/options-syntax.ts';
import { EdgebanError } from '../../shared/errors.ts';
import type { FilterConf, RegexSource } from '../../shared/filter/filter.ts';
import type { FilterChanges, RegexKind } from '../control/agent-control.ts';
import { bareJail, type JailPlan } from './plan.ts';

export const alterationLimits = {
  /** Regexes of one kind, with those of the configuration. */
  regexes_max: 1_000,
  /** One regex, in UTF-16 units. */
  regex_length_max: 64 * 1024,
  /** Paths and globs, with those of the configuration. */
  logpaths_max: 1_000,
  journalmatches_max: 100,
} as const;

const backends = ['pyinotify', 'polling', 'systemd'];

/** A jail that a client adds: it begins with fail2ban's own defaults. Throws ERR_CONFIG_BACKEND, ERR_CONFIG_JAIL. */
export function addedPlan(name: string, text: string): JailPlan {
  if (!/^[\w.-]{1,100}$/.test(name) || name.startsWith('-'))
    throw new EdgebanError('ERR_CONFIG_JAIL', `Reserved name '${name}'`, { remedy: 'use letters, digits, - _ .' });
  const { name: backend, options } = parseNamedOptions({ text, origins: [{ file: '', line: 0 }] });
  if (backend !== 'auto' && !backends.includes(backend)) {
    const message = `Unknown backend ${backend}. Must be among ['${backends.join("', '")}'] or 'auto'`;
    throw new EdgebanError('ERR_CONFIG_BACKEND', message);
  }
  const journalOptions = Object.fromEntries([...options].map(([option, value]) => [option, value.text]));
  if (backend !== 'systemd' && options.size > 0)
    throw new EdgebanError('ERR_CONFIG_OPTION', `the backend ${backend} has no options`);
  return {
    name,
    rules: {
      maxretry: 3,
      findtime: 600,
      maxmatches: 50,
      bantime: 600,
      increment: null,
      ignoreself: true,
      sliding: false,
      prefix6: 128,
    },
    ...bareJail,
    backend: backend === 'auto' ? 'pyinotify' : backend,
    journalOptions,
  };
}

function filterOf({ filter, rules }: JailPlan): FilterConf {
  return filter ?? { failregex: [], ignoreregex: [], findtime: rules.findtime };
}

/** An empty prefregex, datepattern or logtimezone is none. */
export function withFilter(plan: JailPlan, { prefregex, ...changes }: FilterChanges): JailPlan {
  const pref = prefregex === undefined ? {} : { prefregex: prefregex === '' ? null : { regex: prefregex } };
  return { ...plan, filter: { ...filterOf(plan), ...changes, ...pref } };
}

export function withRegex(plan: JailPlan, kind: RegexKind, regex: string): JailPlan {
  const filter = filterOf(plan);
  const { regexes_max, regex_length_max } = alterationLimits;
  if (filter[kind].length >= regexes_max) throw tooMany(`${regexes_max} regular expressions`);
  if (regex.length > regex_length_max) throw tooMany(`${regex_length_max} characters of a regular expression`);
  return { ...plan, filter: { ...filter, [kind]: [...filter[kind], { regex }] } };
}

/** As Python counts: -1 is the last. The same plan if there is none at `index`. */
export function withoutRegex(plan: JailPlan, kind: RegexKind, index: number): JailPlan {
  const filter = filterOf(plan);
  const at = index < 0 ? filter[kind].length + index : index;
  if (filter[kind][at] === undefined) return plan;
  const kept: readonly RegexSource[] = filter[kind].filter((_, other) => other !== at);
  return { ...plan, filter: { ...filter, [kind]: kept } };
}

export function withLog(plan: JailPlan, path: string, tail: boolean): JailPlan {
  if (plan.logpath.some((log) => log.path === path)) return plan;
  if (plan.logpath.length >= alterationLimits.logpaths_max) throw tooMany(`${alterationLimits.logpaths_max} log paths`);
  return { ...plan, logpath: [...plan.logpath, { path, tail }] };
}

/** `followed`: the files read now. One that a glob has brought takes the glob with it, and leaves its other files. */
export function withoutLog(plan: JailPlan, path: string, followed: readonly string[]): JailPlan {
  const kept = plan.logpath.filter((log) => log.path !== path);
  if (kept.length < plan.logpath.length || !followed.includes(path)) return { ...plan, logpath: kept };
  const plain = plan.logpath.filter((log) => followed.includes(log.path));
  const brought = followed.filter((file) => file !== path && !plain.some((log) => log.path === file));
  return { ...plan, logpath: [...plain, ...brought.map((file) => ({ path: file, tail: false }))] };
}

/** `A=1 B=2 + C=3` is two matches. */
export function matchesIn(line: string): string[][] {
  return line.split(/(?:^|\s)\+(?:\s|$)/).map((match) => match.trim().split(/\s+/));
}

/** `+` begins another match. Throws ERR_JOURNAL_MATCH. */
export function withJournalMatch(plan: JailPlan, words: readonly string[]): JailPlan {
  const { journalmatches_max } = alterationLimits;
  const odd = words.find((word) => word !== '+' && !/^[A-Z0-9_]{1,64}=[^\s'"\\\0]*$/.test(word));
  if (odd !== undefined) {
    const remedy = 'one with blanks or quotes in it has to stand in the configuration';
    throw new EdgebanError('ERR_JOURNAL_MATCH', `${odd} is no FIELD=value`, { remedy });
  }
  const fresh = matchesIn(words.join(' ')).map((match) => match.join(' '));
  if (plan.journalmatch.length + fresh.length > journalmatches_max)
    throw tooMany(`${journalmatches_max} journal matches`);
  return { ...plan, journalmatch: [...plan.journalmatch, ...fresh] };
}

/** Null if there is no such match. */
export function withoutJournalMatch(plan: JailPlan, words: readonly string[]): JailPlan | null {
  const matches = plan.journalmatch.flatMap(matchesIn).map((match) => match.join(' '));
  const at = matches.indexOf(words.join(' '));
  return at < 0 ? null : { ...plan, journalmatch: matches.filter((_, other) => other !== at) };
}

/** The plan and its rules with another `bantime.*` option; an empty text takes it away. */
export function withBantime(
  plan: JailPlan,
  name: keyof BantimeExtra,
  text: string,
  random: () => number,
): { readonly plan: JailPlan; readonly rules: Pick<JailPlan['rules'], 'increment'> } {
  const { [name]: _before, ...others } = plan.bantimeExtra;
  const bantimeExtra: BantimeExtra = text === '' ? others : { ...others, [name]: text };
  return { plan: { ...plan, bantimeExtra }, rules: { increment: incrementFrom(bantimeExtra, random) } };
}

function tooMany(what: string): EdgebanError {
  return new EdgebanError('ERR_CONFIG_LIMIT', `no more than ${what}`, { remedy: 'write it into the configuration' });
}
