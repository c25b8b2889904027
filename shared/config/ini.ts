/** One file of the configuration: the dialect of Python's ConfigParser (strict, `;` as the only inline comment). */
import type { EdgebanError } from '../errors.ts';
import { configError } from './finding.ts';
import type { Origin, Sourced } from './sourced.ts';

/** Options by name, in lower case, in the order in which they were first written. */
export type Section = Map<string, Sourced>;

export interface IniProblem {
  /** The section in which it stands; null is before any. */
  readonly section: string | null;
  readonly error: EdgebanError;
}

export interface IniFile {
  readonly path: string;
  readonly defaults: Section;
  readonly sections: Map<string, Section>;
  /** Where each section begins. */
  readonly heads: Map<string, Origin>;
  /** fail2ban gives up at any of these; here only what depends on the section is lost. */
  readonly problems: readonly IniProblem[];
}

export const defaultSection = 'DEFAULT';

interface Reading extends IniFile {
  readonly problems: IniProblem[];
  section: string | null;
  options: Section | null;
  /** Options of this file that have been seen, to find the ones that stand twice. */
  readonly seen: Set<string>;
  open: OpenValue | null;
  indent: number;
}

/** The value that following, deeper indented lines continue. */
interface OpenValue {
  readonly name: string;
  readonly options: Section;
  readonly lines: string[];
  readonly origins: Origin[];
}

/** Reads `text` of the file `path`. Never throws: what cannot be understood is among the problems. */
export function parseIni(text: string, path: string): IniFile {
  const reading: Reading = {
    path,
    defaults: new Map(),
    sections: new Map(),
    heads: new Map(),
    problems: [],
    section: null,
    options: null,
    seen: new Set(),
    open: null,
    indent: 0,
  };
  for (const [index, line] of text.split(/\r\n|\r|\n/).entries())
    readLine(reading, line, { file: path, line: index + 1 });
  closeValue(reading);
  return reading;
}

function readLine(reading: Reading, line: string, origin: Origin): void {
  const comment = commentStart(line);
  const content = (comment === null ? line : line.slice(0, comment)).trim();
  if (content === '') {
    if (comment === null) continueValue(reading, '', origin);
    return;
  }
  const indent = line.search(/\S/);
  if (reading.open !== null && indent > reading.indent) {
    continueValue(reading, content, origin);
    return;
  }
  closeValue(reading);
  reading.indent = indent;
  const section = /^\[(.+)\]/.exec(content)?.[1];
  if (section !== undefined) openSection(reading, section, origin);
  else readOption(reading, content, origin);
}

/** Where a comment begins: `#` or `;` first in the line, or `;` after white space. Null if there is none. */
function commentStart(line: string): number | null {
  if (/^\s*[#;]/.test(line)) return 0;
  const inline = /\s;/.exec(line);
  return inline === null ? null : inline.index + 1;
}

function continueValue(reading: Reading, content: string, origin: Origin): void {
  reading.open?.lines.push(content);
  reading.open?.origins.push(origin);
}

/** Trailing empty lines are no part of a value. */
function closeValue(reading: Reading): void {
  if (reading.open === null) return;
  const { name, options, lines, origins } = reading.open;
  const text = lines.join('\n').trimEnd();
  options.set(name, { text, origins: origins.slice(0, text.split('\n').length) });
  reading.open = null;
}

function openSection(reading: Reading, name: string, origin: Origin): void {
  reading.section = name;
  if (!reading.heads.has(name)) reading.heads.set(name, origin);
  if (name === defaultSection) {
    reading.options = reading.defaults;
    return;
  }
  const known = reading.sections.get(name);
  if (known !== undefined) {
    refuse(
      reading,
      'ERR_CONFIG_DUPLICATE',
      `section '${name}' already exists`,
      origin,
      'join the two sections into one',
    );
  }
  reading.options = known ?? new Map();
  reading.sections.set(name, reading.options);
}

function readOption(reading: Reading, content: string, origin: Origin): void {
  if (reading.options === null) {
    // only the first one: each further line would say the same
    if (reading.problems.length > 0) return;
    refuse(
      reading,
      'ERR_CONFIG_SYNTAX',
      `File contains no section headers: '${content}'`,
      origin,
      'put a [section] before it',
    );
    return;
  }
  const [, name = '', value = ''] = /^(.*?)\s*[=:]\s*(.*)$/.exec(content) ?? [];
  if (name === '') {
    refuse(
      reading,
      'ERR_CONFIG_SYNTAX',
      `not an option: '${content}'`,
      origin,
      'write name = value, or indent a line that continues a value',
    );
    return;
  }
  const option = name.toLowerCase();
  const key = `${reading.section}\n${option}`;
  if (reading.seen.has(key)) {
    refuse(
      reading,
      'ERR_CONFIG_DUPLICATE',
      `option '${option}' in section '${reading.section}' already exists`,
      origin,
      'keep one of the two',
    );
  }
  reading.seen.add(key);
  reading.open = { name: option, options: reading.options, lines: [value.trim()], origins: [origin] };
}

function refuse(
  reading: Reading,
  code: 'ERR_CONFIG_SYNTAX' | 'ERR_CONFIG_DUPLICATE',
  message: string,
  origin: Origin,
  remedy: string,
): void {
  reading.problems.push({ section: reading.section, error: configError(code, message, origin, remedy) });
}
