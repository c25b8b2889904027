/** Stage 2 of the language: `<tag>` in filters and actions is replaced by the option of that name, inside out. */
import { configError } from './finding.ts';
import { originAt, replaceSpans, type Sourced } from './sourced.ts';

export interface TagRules {
  /** `family=inet6`: the value of `tag?family=inet6` wins over that of `tag`. */
  readonly conditional?: string;
  /** Tags that are neither replaced nor looked into. */
  readonly ignore?: ReadonlySet<string>;
  /** Where to look for a tag that is not among the given ones. */
  readonly lookUp?: (tag: string) => Sourced | null;
}

export const tagLimits = {
  /** How often one tag may be replaced in one value before it counts as referring to itself (fail2ban's figure). */
  replacements_max: 25,
  value_chars_max: 200_000,
} as const;

const tagPattern = /<([^ <>]+)>/g;

/**
 * The given options with all tags in them replaced that can be. A tag that nothing defines stays as it is: it may be for
 * the matcher (<HOST>), for the action (<ip>), or the shell's. Throws if an option refers to itself.
 */
export function substituteTags(options: ReadonlyMap<string, Sourced>, rules: TagRules = {}): Map<string, Sourced> {
  const tags = new Map(options);
  const counts = new Map<string, Map<string, number>>();
  const done = new Set(rules.ignore);
  for (let again = true; again; ) {
    again = false;
    for (const [tag, value] of tags) {
      if (done.has(tag)) continue;
      const count = counts.get(tag) ?? new Map<string, number>();
      const replaced = substituteOnce(tag, value, tags, rules, count);
      tags.set(tag, replaced);
      if (replaced.text !== value.text && holdsTag(replaced.text)) {
        counts.set(tag, count);
        again = true;
      }
      if (!replaced.text.includes('<')) done.add(tag);
    }
  }
  return tags;
}

function holdsTag(text: string): boolean {
  return text.search(tagPattern) >= 0;
}

/** One pass from left to right; what a replacement brings in at its place is looked at too. */
function substituteOnce(
  tag: string,
  start: Sourced,
  tags: ReadonlyMap<string, Sourced>,
  rules: TagRules,
  count: Map<string, number>,
): Sourced {
  let value = start;
  const search = new RegExp(tagPattern);
  for (let found = search.exec(value.text); found !== null; found = search.exec(value.text)) {
    const [written, name = ''] = found;
    if (rules.ignore?.has(name)) continue;
    if (name === tag || (count.get(name) ?? 1) > tagLimits.replacements_max) throw selfReference(tag, name, value);
    const inner = tagValue(name, tags, rules);
    if (inner === null) continue;
    value = replaceAll(value, written, inner);
    if (value.text.length > tagLimits.value_chars_max) throw selfReference(tag, name, start);
    count.set(name, (count.get(name) ?? 0) + 1);
    search.lastIndex = found.index;
  }
  return value;
}

function tagValue(name: string, tags: ReadonlyMap<string, Sourced>, { conditional, lookUp }: TagRules): Sourced | null {
  const special = conditional === undefined ? undefined : tags.get(`${name}?${conditional}`);
  return special ?? tags.get(name) ?? lookUp?.(name) ?? null;
}

function replaceAll(value: Sourced, written: string, inner: Sourced): Sourced {
  const spans = [];
  for (let at = value.text.indexOf(written); at >= 0; at = value.text.indexOf(written, at + written.length)) {
    spans.push({ start: at, end: at + written.length, inner });
  }
  return replaceSpans(value, spans);
}

function selfReference(tag: string, name: string, value: Sourced): Error {
  const message = `the tag <${name}> in '${tag}' leads back to itself`;
  return configError('ERR_CONFIG_TAG', message, originAt(value), `do not use <${name}> in what defines it`);
}
