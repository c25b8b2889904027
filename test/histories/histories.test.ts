/** A share of the histories, and what explain says of them, in processes of their own: its clocks are theirs. HISTORIES=n plays so many, HISTORIES=a-b those from a to b. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const { HISTORIES: wanted = '20' } = process.env;
const range = wanted.includes('-') ? wanted : `1-${wanted}`;

it(`histories ${range} hold`, { timeout: 3_600_000 }, async () => {
  expect(await playing('main.ts', range)).toMatch(/^(\d+) of \1 histories hold/);
});

it('explain tells each way of being banned, and of not being banned, as the places are, in each mode', async () => {
  const told = await playing('ways.ts');
  expect([...told.matchAll(/^(\S+): (\d+) ways are told as they are$/gm)].map(([, mode]) => mode)).toEqual(
    expect.arrayContaining(['list', 'lists', 'access-rules', 'zones', 'gate', 'none']),
  );
});

async function playing(program: string, ...words: readonly string[]): Promise<string> {
  const file = fileURLToPath(new URL(program, import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [file, ...words]).catch((error: object) => {
    throw new Error('stderr' in error ? String(error.stderr) : String(error));
  });
  return stdout;
}
