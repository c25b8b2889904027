/** Configuration trees on disk, the command streams that they give, and which answers differ from fail2ban's. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { glob } from '../../shared/config/glob.ts';
import { formatCommand, readStream } from '../../shared/config/stream.ts';
import { diskFiles, type Tree } from './files.ts';
import type { Answer } from './oracle.ts';

export function write(dir: string, tree: Tree): string {
  for (const [path, text] of Object.entries(tree)) {
    mkdirSync(dirname(join(dir, path)), { recursive: true });
    writeFileSync(join(dir, path), text);
  }
  return dir;
}

export function ourStream(dir: string): Answer {
  const { commands, findings } = readStream(diskFiles, dir, (pattern) =>
    glob(diskFiles, pattern).filter((path) => existsSync(path)),
  );
  return findings.some(({ severity }) => severity === 'error') && !isConfined(commands)
    ? { error: findings.map(({ message }) => message).join('; ') }
    : { value: commands.map(formatCommand) };
}

/** fail2ban confines only some errors to their jail; ours confines all of them. */
function isConfined(commands: readonly (readonly unknown[])[]): boolean {
  const errors = commands.filter(([first]) => first === 'config-error').map(([, message]) => String(message));
  return (
    errors.length > 0 && errors.every((message) => /Unable to read|Invalid (filter|action) definition/.test(message))
  );
}

/** The questions whose answers differ. Where one side refuses, so must the other; the words may differ. */
export function differences(
  questions: readonly object[],
  theirs: readonly Answer[],
  ours: readonly Answer[],
): object[] {
  return questions.flatMap((question, index) => {
    const [a, b] = [ours[index], theirs[index]];
    if (a === undefined || b === undefined) throw new Error('an answer is missing');
    const same = 'error' in a || 'error' in b ? 'error' in a && 'error' in b : JSON.stringify(a) === JSON.stringify(b);
    return same ? [] : [{ question, ours: a, theirs: b }];
  });
}
