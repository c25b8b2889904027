/** A configuration of this machine as the commands that fail2ban's client sends (`-d`). */
import { existsSync } from 'node:fs';
import { glob } from '../../shared/config/glob.ts';
import { type Command, readStream, type Stream } from '../../shared/config/stream.ts';
import { diskFiles } from '../system/config-files.ts';

/** `settings` take the place of what the configuration sets (the options of the command line). No commands at all where fail2ban would print none. */
export function commandStreamOf(configDir: string, settings: Readonly<Record<string, string>>): Stream {
  const { commands, findings } = readStream(diskFiles, configDir, (pattern) =>
    glob(diskFiles, pattern).filter(isThere),
  );
  const broken = findings.some(({ severity, jail }) => severity === 'error' && jail === undefined);
  return { commands: broken ? [] : commands.map((command) => overridden(command, settings)), findings };
}

/** A link that leads nowhere is no log file. */
function isThere(path: string): boolean {
  return existsSync(path);
}

function overridden(command: Command, settings: Readonly<Record<string, string>>): Command {
  const [set, name, value] = command;
  if (set !== 'set' || command.length !== 3 || typeof name !== 'string' || typeof value !== 'string') return command;
  return [set, name, Object.hasOwn(settings, name) ? (settings[name] ?? value) : value];
}
