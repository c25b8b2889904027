/** Stage 1 of the language: `%(option)s` is replaced when an option is asked for (Python's BasicInterpolation, and fail2ban's additions). */
import { configError } from './finding.ts';
import { defaultSection, type Section } from './ini.ts';
import { originAt, replaceSpans, type Sourced, type Span, sourced } from './sourced.ts';

/** Sections as interpolation sees them: one file, or several merged into one. */
export interface Sections {
  readonly defaults: Section;
  readonly sections: ReadonlyMap<string, Section>;
}

/** Options handed in from outside; they win over those of the section. */
export type Vars = ReadonlyMap<string, Sourced>;

/** The section in which a merged configuration keeps the values that a later file has replaced. */
export const knownPrefix = 'KNOWN/';

const noVars: Vars = new Map();

const interpolationLimits = {
  /** As in Python. */
  depth_max: 10,
  value_chars_max: 200_000,
  /** References followed for one value. */
  references_max: 10_000,
} as const;

interface Context {
  readonly config: Sections;
  readonly section: string;
  readonly option: string;
  readonly vars: Vars;
  references: number;
}

/** The value of an option of a section, or of [DEFAULT]; null if neither has it. Throws where a reference leads nowhere. */
export function interpolated(config: Sections, section: string, option: string, vars: Vars = noVars): Sourced | null {
  if (section !== defaultSection && !config.sections.has(section)) return null;
  const context = { config, section, option: option.toLowerCase(), vars, references: 0 };
  const value = lookUp(context, noVars, context.option);
  return value === null ? null : interpolate(context, value, noVars, 1);
}

/** As `interpolated`, for an option that may be spelt `section/option`, `known/option` or `default/option`. */
export function interpolatedPath(config: Sections, section: string, option: string, vars: Vars): Sourced | null {
  const [, named, name] = /^([\w-]+)\/([^\s>]+)$/.exec(option) ?? [];
  if (named !== undefined && name !== undefined) {
    for (const place of placesOf(named, section)) {
      const value = interpolated(config, place, name);
      if (value !== null) return value;
    }
  }
  return interpolated(config, section, option, vars);
}

function placesOf(named: string, section: string): string[] {
  const lower = named.toLowerCase();
  if (lower === 'known') return [knownPrefix + section, section];
  return [lower === 'default' ? defaultSection : named];
}

function lookUp({ config, section, vars }: Context, found: Vars, name: string): Sourced | null {
  return (
    found.get(name) ?? vars.get(name) ?? config.sections.get(section)?.get(name) ?? config.defaults.get(name) ?? null
  );
}

function interpolate(context: Context, value: Sourced, found: Vars, depth: number): Sourced {
  if (depth > interpolationLimits.depth_max) {
    throw interpolationError(context, value, 0, 'nests deeper than 10 levels', 'does an option refer to itself?');
  }
  const known = withReferences(context, value, found);
  const spans: Span[] = [];
  for (let at = value.text.indexOf('%'); at >= 0; at = value.text.indexOf('%', spans.at(-1)?.end)) {
    spans.push(spanAt(context, value, known, at, depth));
  }
  const result = replaceSpans(value, spans);
  if (result.text.length > interpolationLimits.value_chars_max) {
    throw interpolationError(context, value, 0, 'grows beyond all measure', 'refer to less');
  }
  return result;
}

/** The `%%` or `%(name)s` at a position, with what it stands for. */
function spanAt(context: Context, value: Sourced, found: Vars, start: number, depth: number): Span {
  const rest = value.text.slice(start);
  if (rest.startsWith('%%')) return { start, end: start + 2, inner: sourced('%', originAt(value, start)) };
  const [reference, name] = /^%\(([^)]+)\)s/.exec(rest) ?? [];
  if (reference === undefined || name === undefined) {
    throw interpolationError(
      context,
      value,
      start,
      `has a single % at: ${rest.slice(0, 25)}`,
      'write %% for a percent sign',
    );
  }
  const inner = lookUp(context, found, name.toLowerCase());
  if (inner === null) {
    throw interpolationError(
      context,
      value,
      start,
      `contains an interpolation key '${name}' which is not a valid option name`,
      `define ${name}, or correct its name`,
    );
  }
  if (++context.references > interpolationLimits.references_max) {
    throw interpolationError(context, value, start, 'refers to others without end', 'refer to less');
  }
  const whole = inner.text.includes('%') ? interpolate(context, inner, found, depth + 1) : inner;
  return { start, end: start + reference.length, inner: whole };
}

/** `found`, with `__name__` and the values of all `%(section/option)s` in `value` that resolve. */
function withReferences(context: Context, value: Sourced, found: Vars): Vars {
  const all = new Map(found);
  all.set('__name__', sourced(context.section, originAt(value)));
  for (const [, path = '', named = '', name = ''] of value.text.matchAll(/%\((([\w-]+)\/([^)]+))\)s/g)) {
    if (lookUp(context, all, path) !== null) continue;
    const target = referenced(context, named, name);
    if (target !== null) all.set(path, target);
  }
  return all;
}

function referenced({ config, section }: Context, named: string, name: string): Sourced | null {
  const lower = named.toLowerCase();
  const fallback = config.defaults.get(name) ?? null;
  if (lower === 'default') return fallback;
  if (lower === 'known') return config.sections.get(knownPrefix + section)?.get(name) ?? fallback;
  const target = config.sections.get(named);
  return target === undefined ? null : (target.get(name) ?? fallback);
}

function interpolationError(context: Context, value: Sourced, at: number, what: string, remedy: string): Error {
  const message = `option '${context.option}' in section '${context.section}' ${what}`;
  return configError('ERR_CONFIG_INTERPOLATION', message, originAt(value, at), remedy);
}
