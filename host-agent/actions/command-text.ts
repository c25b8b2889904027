/** A command as the shell gets it: what is ours stands in its text, what others wrote is handed over as $0, $1, … */
import { shellContexts } from './shell-quotes.ts';

/** A tag's value. `ours`: made by edgeban or the administrator; else a visitor may have written it. */
export interface TagValue {
  readonly text: string;
  readonly ours: boolean;
}

export interface ShellCommand {
  readonly script: string;
  readonly values: readonly string[];
}

export const commandLimits = {
  /** Of one value. Linux takes 128 KiB an argument; a character has 4 bytes at the most. */
  value_chars_max: 30_000,
  /** Of all values together: Linux takes 2 MiB, environment included. */
  values_chars_max: 200_000,
} as const;

const tagPattern = /<([^ <>]+)>/g;
const capture = /^F-[A-Z0-9_-]+$/;
const blanks: Readonly<Record<string, string>> = { br: '\n', sp: ' ' };

/** Text that no shell reads anything into. */
const inert = /^[\w.:/@%+,-]*$/;

/**
 * Fills in the tags of a command. As in fail2ban a value becomes `${f2bV_tag}`, which the shell never reads as its own
 * language. Inert values of ours stand in the text, as fail2ban has it; inert ones of others only inside of single
 * quotes, where there are no variables. A tag that nobody knows stays; a capture that the ban lacks is empty.
 */
export function fillTags(text: string, valueFor: (tag: string) => TagValue | undefined): ShellCommand {
  const variables = new Map<string, string>();
  const isSingleQuoted = shellContexts(text);
  let room = commandLimits.values_chars_max;
  const command = text.replace(tagPattern, (whole: string, tag: string, at: number) => {
    const value = valueFor(tag);
    if (value === undefined) return capture.test(tag) ? '' : (blanks[tag] ?? whole);
    const shown = value.text.replaceAll('\0', '').slice(0, commandLimits.value_chars_max);
    if (shown === '' || (inert.test(shown) && (value.ours || isSingleQuoted(at)))) return shown;
    const name = variableOf(tag);
    if (!variables.has(name)) {
      variables.set(name, shown.slice(0, room));
      room -= Math.min(room, shown.length);
    }
    return `\${${name}}`;
  });
  const assignments = [...variables.keys()].map((name, index) => `${name}=\${${index}}`);
  return {
    script: assignments.length === 0 ? command : `${assignments.join(' ')}\n${command}`,
    values: [...variables.values()],
  };
}

/** `<F-USER>` is `f2bV_F_user`, as in fail2ban. */
function variableOf(tag: string): string {
  const name = tag.startsWith('F-') ? `F_${tag.slice(2).toLowerCase()}` : tag;
  return `f2bV_${name.replace(/\W/g, '_')}`;
}
