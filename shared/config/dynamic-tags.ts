/** Tags of a command that are filled in when it runs: what an attacker may have written becomes a shell variable, never shell text. */

import { parseAddress, width } from '../address.ts';

/** For `sh -c SCRIPT VALUE…`: the script takes the values out of $0, $1, … */
export interface ShellCommand {
  readonly script: string;
  readonly values: readonly string[];
}

/** The value of a tag by its name without the < >, captures as `F-USER`; undefined: there is no such tag. */
export type TagValue = (tag: string) => string | undefined;

/** The longest argument that Linux takes is 128 KiB; a character is 4 bytes at the most. */
const value_chars_max = 32_000;

/** Text that no shell reads anything into (fail2ban lets more through, blanks among it). */
export const inert = /^[\w.:/@%+,-]*$/;

/** `<tag>` becomes its value where that is inert, else `$f2bV_tag` (as in fail2ban). Unknown tags stay; unknown F- tags are empty. */
export function fillCommand(text: string, valueFor: TagValue): ShellCommand {
  const variables = new Map<string, string>();
  const command = replaceTags(text, valueFor, (tag, value) => {
    if (inert.test(value)) return value;
    const name = variableOf(tag);
    // an argument ends at a NUL
    variables.set(name, value.replaceAll('\0', '').slice(0, value_chars_max));
    return `$${name}`;
  });
  return withVariables(command, variables);
}

/** A command that takes its variables out of $0, $1, … */
export function withVariables(command: string, variables: ReadonlyMap<string, string>): ShellCommand {
  const assignments = [...variables.keys()].map((name, index) => `${name}=\${${index}}`);
  const script = assignments.length === 0 ? command : `${assignments.join(' ')}\n${command}`;
  return { script, values: [...variables.values()] };
}

/** The tags filled in as plain text (the key of ignorecache). */
export function fillText(text: string, valueFor: TagValue): string {
  return replaceTags(text, valueFor, (_tag, value) => value);
}

/** The tags that a text names. */
export function tagsIn(text: string): string[] {
  return [...text.matchAll(tagPattern)].map(([, tag = '']) => tag);
}

const tagPattern = /<([^ <>]+)>/g;
const captureTag = /^F-[A-Z0-9_-]+$/;
const constants: Readonly<Record<string, string>> = { br: '\n', sp: ' ' };

/** `written` is asked for what stands for a value, `at` its place in the text. Unknown tags stay; unknown F- tags are empty. */
export function replaceTags<T>(
  text: string,
  valueFor: (tag: string) => T | undefined,
  written: (tag: string, value: T, at: number) => string,
): string {
  return text.replace(tagPattern, (whole: string, tag: string, at: number) => {
    const value = valueFor(tag);
    if (value !== undefined) return written(tag, value, at);
    if (captureTag.test(tag)) return '';
    return Object.hasOwn(constants, tag) ? (constants[tag] ?? whole) : whole;
  });
}

/** `<F-USER>` is `$f2bV_F_user`, as in fail2ban. */
export function variableOf(tag: string): string {
  const name = tag.startsWith('F-') ? `F_${tag.slice(2).toLowerCase()}` : tag;
  return `f2bV_${name.replace(/\W/g, '_')}`;
}

/** fail2ban's names for captures that are not called as their tag. */
const captures: Readonly<Record<string, string>> = { id: 'fid', port: 'fport' };

/** The name of the capture behind `F-USER`; null for a tag that is none. */
export function captureOf(tag: string): string | null {
  if (!captureTag.test(tag)) return null;
  const name = tag.slice(2).toLowerCase();
  return captures[name] ?? name;
}

/** The address as the DNS has it behind `<ip-rev>`: `1.2.0.192.`; empty for what is no address. */
export function reverseName(text: string): string {
  const address = parseAddress(text);
  if (address === null) return '';
  const hex = address.first.toString(16).padStart(width(address.family) / 4, '0');
  const parts = address.family === 6 ? [...hex] : (hex.match(/../g) ?? []).map((byte) => Number.parseInt(byte, 16));
  return `${parts.reverse().join('.')}.`;
}
