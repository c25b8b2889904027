/** What the doctor finds: how grave, about what, and what to do. */

/** `fine`, or it works with a caveat, or it does not work. */
export type Grade = 'ok' | 'warning' | 'broken';

export interface Finding {
  readonly grade: Grade;
  /** A word or two: `token`, `list`, `host web1`. */
  readonly about: string;
  readonly text: string;
  /** Null where nothing is to be done. */
  readonly remedy: string | null;
}

export function ok(about: string, text: string): Finding {
  return { grade: 'ok', about, text, remedy: null };
}

export function warning(about: string, text: string, remedy: string): Finding {
  return { grade: 'warning', about, text, remedy };
}

export function broken(about: string, text: string, remedy: string): Finding {
  return { grade: 'broken', about, text, remedy };
}

/** 0: all is fine, 1: with warnings, 2: something is broken. */
export function exitCodeOf(findings: readonly Finding[]): 0 | 1 | 2 {
  if (findings.some(({ grade }) => grade === 'broken')) return 2;
  return findings.some(({ grade }) => grade === 'warning') ? 1 : 0;
}

/** One finding a line, with its remedy under it. */
export function screen(findings: readonly Finding[]): string {
  const width = Math.max(...findings.map(({ about }) => about.length));
  return findings
    .flatMap(({ grade, about, text, remedy }) => [
      `${grade.padEnd(7)}  ${about.padEnd(width)}  ${text}`,
      ...(remedy === null ? [] : [`${' '.repeat(width + 11)}-> ${remedy}`]),
    ])
    .join('\n');
}
