/** Runs the programs that build a package. */
import { execFileSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** What stops the build: one line that says what is missing and how to get it. */
export class BuildError extends Error {}

export interface CommandOptions {
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
}

const output_bytes_max = 64 * 1024 * 1024;

/** Returns what it printed. Throws BuildError with its last words if it fails. */
export function run(command: string, args: readonly string[], options: CommandOptions = {}): string {
  try {
    return execFileSync(command, args, {
      ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
      env: { ...process.env, LC_ALL: 'C', ...options.env },
      encoding: 'utf8',
      maxBuffer: output_bytes_max,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
  } catch (error) {
    throw new BuildError(`${command} ${args[0] ?? ''} failed: ${lastWords(error)}`);
  }
}

function lastWords(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const said = ['stdout', 'stderr'].map((name) => String(Object.getOwnPropertyDescriptor(error, name)?.value ?? ''));
  const tail = said.join('\n').trimEnd().split('\n').slice(-20).join('\n');
  return tail.trim() === '' ? error.message : tail;
}

export function isOnPath(program: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => existsSync(join(folder, program)));
}

/** Progress goes to standard error: standard output has the paths of what was built. */
export function say(text: string): void {
  process.stderr.write(`package  ${text}\n`);
}
