/** Asks fail2ban's own code, where a checkout of it is at hand (F2B_CHECKOUT). */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'vitest';

export type Answer = { readonly value: unknown } | { readonly error: string };

/** The checkout; skips the test with a reason if there is none. */
export function checkout(context: TestContext): string {
  const path = process.env['F2B_CHECKOUT'] ?? '';
  if (path === '') context.skip('needs F2B_CHECKOUT, a checkout of fail2ban 1.1.0');
  if (!existsSync(join(path, 'fail2ban/client/configurator.py'))) context.skip(`no fail2ban in F2B_CHECKOUT=${path}`);
  if (spawnSync('python3', ['--version']).status !== 0) context.skip('needs python3');
  return path;
}

/** One answer for each question, from one run of Python. */
export function ask(path: string, questions: readonly object[]): Answer[] {
  const script = join(import.meta.dirname, 'oracle.py');
  const input = questions.map((question) => JSON.stringify(question)).join('\n');
  const run = spawnSync('python3', [script, path], { input, encoding: 'utf8', maxBuffer: 1 << 28 });
  const lines = run.stdout.split('\n').filter((line) => line !== '');
  if (lines.length !== questions.length)
    throw new Error(`${lines.length} answers to ${questions.length} questions: ${run.stderr}`);
  return lines.map((line): Answer => JSON.parse(line));
}
