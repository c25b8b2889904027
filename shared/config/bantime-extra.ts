/** fail2ban's `bantime.*` options as they are written, and the increments that they make: for what is changed at run time. */
import { boolOf } from './action-conf.ts';
import { factorOf, formulaOf, parseSeconds } from './arithmetic.ts';
import { configError } from './finding.ts';
import type { IncrementConf, JailValues } from './jail-values.ts';

export const bantimeOptions = [
  'increment',
  'factor',
  'formula',
  'multipliers',
  'maxtime',
  'rndtime',
  'overalljails',
] as const;
export type BantimeOption = (typeof bantimeOptions)[number];

/** What is set of them, by the name behind `bantime.`. */
export type BantimeExtra = Readonly<Partial<Record<BantimeOption, string>>>;

export function bantimeExtraOf(values: JailValues): BantimeExtra {
  const set = bantimeOptions.flatMap((name) => {
    const text = values.text(`bantime.${name}`);
    return text === null ? [] : [[name, text] as const];
  });
  return Object.fromEntries(set);
}

/** Null where `increment` is off. Throws ERR_CONFIG_EXPRESSION, ERR_CONFIG_VALUE. `random`: in [0, 1), for formulas that use it. */
export function incrementFrom(extra: BantimeExtra, random: () => number): IncrementConf | null {
  const conf = {
    factor: extra.factor === undefined ? 1 : factorOf(extra.factor),
    multipliers: multipliersIn(extra.multipliers ?? ''),
    formula: extra.formula === undefined ? null : formulaOf(extra.formula, random),
    maxtime: extra.maxtime === undefined ? null : secondsIn('maxtime', extra.maxtime),
    rndtime: extra.rndtime === undefined ? null : secondsIn('rndtime', extra.rndtime),
    overalljails: boolOf(extra.overalljails ?? ''),
  };
  return boolOf(extra.increment ?? '') ? conf : null;
}

/** The options as fail2ban's `get JAIL bantime.…` answers them: on or off, seconds, or the text. */
export function bantimeValue(extra: BantimeExtra, name: BantimeOption): string | number | boolean | null {
  const text = extra[name];
  if (text === undefined) return null;
  if (name === 'increment' || name === 'overalljails') return boolOf(text);
  return name === 'maxtime' || name === 'rndtime' ? parseSeconds(text) : text;
}

function secondsIn(name: string, text: string): number {
  const value = parseSeconds(text);
  if (Number.isFinite(value)) return value;
  throw configError('ERR_CONFIG_TIME', `bantime.${name} = ${text}: not a length of time`, null, 'write 1h, 5w, …');
}

function multipliersIn(text: string): number[] {
  const numbers = text.split(/\s+/).filter((word) => word !== '');
  const wrong = numbers.find((word) => !/^[+-]?\d+$/.test(word));
  if (wrong === undefined) return numbers.map(Number);
  const message = `invalid literal for int() with base 10: '${wrong}'`;
  throw configError('ERR_CONFIG_VALUE', message, null, 'write numbers with blanks between: 1 2 4 8');
}
