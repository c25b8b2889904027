/** The host's database file: private, safe against kill -9, and clear about damage. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openSqlite, setAsideDatabase } from '../../host-agent/system/sqlite.ts';
import { EdgebanError } from '../../shared/errors.ts';
import { until } from '../world/wait.ts';

let folder = '';
let path = '';
let child: ChildProcess | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'edgeban-sqlite-'));
  path = join(folder, 'edgeban.sqlite3');
});

afterEach(() => {
  child?.kill('SIGKILL');
  rmSync(folder, { recursive: true });
});

function codeOf(body: () => unknown): string | undefined {
  try {
    body();
  } catch (error) {
    return error instanceof EdgebanError ? error.code : String(error);
  }
  return undefined;
}

test('the file is its owner’s alone, and is there again when opened again', () => {
  const first = openSqlite(path);
  first.script('CREATE TABLE t (a)');
  first.transaction(() => first.all('INSERT INTO t VALUES (?)', 1));
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(statSync(`${path}-wal`).mode & 0o777).toBe(0o600);
  first.close();
  const again = openSqlite(path);
  expect(again.all('SELECT a FROM t').length).toBe(1);
  again.close();
});

test('a file that is no database is told apart from one that cannot be opened', () => {
  writeFileSync(path, 'this is not a database, however long one looks at it '.repeat(100));
  expect(codeOf(() => openSqlite(path))).toBe('ERR_STORE_CORRUPT');
  expect(codeOf(() => openSqlite(join(folder, 'nowhere', 'x')))).toBe('ERR_STORE_OPEN');
});

test('a damaged database is moved away with its log, and a new one can be made', () => {
  writeFileSync(path, 'damaged'.repeat(1000));
  writeFileSync(`${path}-wal`, 'its log');
  const aside = setAsideDatabase(path, '20260101-000000');
  expect([existsSync(path), existsSync(`${path}-wal`), readFileSync(`${aside}-wal`, 'utf8')]).toEqual([
    false,
    false,
    'its log',
  ]);
  openSqlite(path).close();
});

/** It tells of each commit in a file: what it writes into a pipe may wait for its event loop, which never turns. */
const writer = (file: string, told: string) => `
  const { openSync, writeSync } = await import('node:fs');
  const told = openSync(${JSON.stringify(told)}, 'a');
  const { openSqlite } = await import(${JSON.stringify(new URL('../../host-agent/system/sqlite.ts', import.meta.url).href)});
  const sql = openSqlite(${JSON.stringify(file)});
  sql.script('CREATE TABLE t (a INTEGER); CREATE TABLE u (a INTEGER)');
  for (let n = 1; ; n += 1) {
    sql.transaction(() => { sql.all('INSERT INTO t VALUES (?)', n); sql.all('INSERT INTO u VALUES (?)', n); });
    writeSync(told, n + '\\n');
  }`;

test('kill -9 in the midst of writing loses nothing that was committed, and leaves nothing half written', async () => {
  const told = join(folder, 'told');
  const started = spawn(process.execPath, ['--input-type=module', '-e', writer(path, told)], { stdio: 'inherit' });
  child = started;
  await until('two thousand characters of commits', () => existsSync(told) && statSync(told).size > 2000);
  started.kill('SIGKILL');
  await once(started, 'exit');
  const lines = readFileSync(told, 'utf8');
  const committed = Number(lines.slice(0, lines.lastIndexOf('\n')).split('\n').at(-1));
  const sql = openSqlite(path);
  const [row] = sql.all(
    'SELECT (SELECT COUNT(*) FROM t) AS t, (SELECT COUNT(*) FROM u) AS u, (SELECT MAX(a) FROM t) AS last',
  );
  sql.close();
  expect(row?.['t']).toBe(row?.['u']);
  expect(row?.['last']).toBe(row?.['t']);
  expect(row?.['t']).toBeGreaterThanOrEqual(committed);
});

test('more kinds of statements than are kept at hand do not get in each other’s way', () => {
  const sql = openSqlite(':memory:');
  for (let round = 0; round < 2; round += 1)
    for (let n = 0; n < 300; n += 1) expect(sql.all(`SELECT ${n} AS n`)[0]?.['n']).toBe(n);
  sql.close();
});
