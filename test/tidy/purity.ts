/** shared/ is pure: no clock, no randomness, no I/O. The compiler keeps most of it out (`types: []`); this does the rest. */
import type { Source } from './source.ts';

/** What shared/ may not name, and what it takes instead. */
const replacements: Readonly<Record<string, string>> = {
  Date: 'a time handed in (shared/time.ts), or shared/filter/calendar.ts',
  Intl: 'a time zone handed in',
  Temporal: 'a time handed in (shared/time.ts)',
  performance: 'a clock handed in',
  'Math.random': 'a random number handed in',
  crypto: 'random numbers or hashes handed in',
  setTimeout: 'a time at which the caller comes back',
  setInterval: 'a time at which the caller comes back',
  setImmediate: 'a return value',
  queueMicrotask: 'a return value',
  process: 'a parameter',
  Buffer: 'Uint8Array',
  console: 'a return value or an error; the caller logs',
  fetch: 'a port handed in',
  require: 'an import at the top',
  eval: 'code',
  Function: 'code',
  globalThis: 'a parameter',
  'import.meta': 'a parameter',
  WeakRef: 'a map with a limit',
  FinalizationRegistry: 'a map with a limit',
};

export function impurities(sources: readonly Source[]): string[] {
  return sources.filter(({ path }) => path.startsWith('shared/')).flatMap(impuritiesOf);
}

function impuritiesOf({ path, uses, imports }: Source): string[] {
  const named = uses.flatMap(({ name, line }) => {
    const instead = replacements[name] ?? replacements[name.split('.')[0] ?? ''];
    return instead === undefined ? [] : [`${path}:${line}: ${name} in shared/; instead: ${instead}`];
  });
  const late = imports.filter(({ names, typeOnly, from }) => !typeOnly && names.includes('*') && !from.startsWith('.'));
  return [
    ...named,
    ...late.map(({ line, from }) => `${path}:${line}: all of ${from}; instead: the names that are used`),
  ];
}
