/** A command as the shell gets it: what is ours stands in its text, what others wrote is handed over as $0, $1, … */
import { inert, replaceTags, type ShellCommand, variableOf, withVariables } from '../../shared/config/dynamic-tags.ts';
import { shellContexts } from './shell-quotes.ts';

/** A tag's value. `ours`: made by edgeban or the administrator; else a visitor may have written it. */
export interface TagValue {
  readonly text: string;
  readonly ours: boolean;
}

export const commandLimits = {
  /** Of one value. Linux takes 128 KiB an argument; a character has 4 bytes at the most. */
  value_chars_max: 30_000,
  /** Of all values together: Linux takes 2 MiB, environment included. */
  values_chars_max: 200_000,
} as const;

/**
 * Fills in the tags of a command. As in fail2ban a value becomes `${f2bV_tag}`, which the shell never reads as its own
 * language. Inert values of ours stand in the text, as fail2ban has it; inert ones of others only inside of single
 * quotes, where there are no variables. A tag that nobody knows stays; a capture that the ban lacks is empty.
 */
export function fillTags(text: string, valueFor: (tag: string) => TagValue | undefined): ShellCommand {
  const variables = new Map<string, string>();
  const isSingleQuoted = shellContexts(text);
  let room = commandLimits.values_chars_max;
  const command = replaceTags(text, valueFor, (tag, value, at) => {
    const shown = value.text.replaceAll('\0', '').slice(0, commandLimits.value_chars_max);
    if (shown === '' || (inert.test(shown) && (value.ours || isSingleQuoted(at)))) return shown;
    const name = variableOf(tag);
    if (!variables.has(name)) {
      variables.set(name, shown.slice(0, room));
      room -= Math.min(room, shown.length);
    }
    return `\${${name}}`;
  });
  return withVariables(command, variables);
}
