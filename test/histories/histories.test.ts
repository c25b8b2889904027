/** A share of the histories, in a process of its own: its clocks are theirs. HISTORIES=n plays so many, HISTORIES=a-b those from a to b. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect, it } from 'vitest';

const { HISTORIES: wanted = '20' } = process.env;
const range = wanted.includes('-') ? wanted : `1-${wanted}`;
const main = fileURLToPath(new URL('main.ts', import.meta.url));

it(`histories ${range} hold`, { timeout: 3_600_000 }, async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [main, range]).catch((error: object) => {
    throw new Error('stderr' in error ? String(error.stderr) : String(error));
  });
  expect(stdout).toMatch(/^(\d+) of \1 histories hold/);
});
