/** Tables come up to date step by step, and a database of the future is left alone. */
import { withSql } from 'test-sql';
import { expect, test } from 'vitest';
import { EdgebanError } from '../../shared/errors.ts';
import { migrate, storeMigrations } from '../../shared/store/schema.ts';
import { storeOn } from './court.ts';

const steps = [
  'CREATE TABLE t (a INTEGER)',
  'ALTER TABLE t ADD COLUMN b INTEGER DEFAULT 7; INSERT INTO t (a) VALUES (1)',
];

test('each step runs once, in order, and components do not disturb each other', async () => {
  const rows = await withSql((sql) => {
    migrate(sql, 'ours', steps.slice(0, 1));
    storeOn(sql);
    migrate(sql, 'ours', steps);
    migrate(sql, 'ours', steps);
    storeOn(sql);
    return sql.all('SELECT a, b FROM t').map((row) => ({ ...row }));
  });
  expect(rows).toEqual([{ a: 1, b: 7 }]);
});

test('a step that fails leaves the version before it', async () => {
  await withSql((sql) => {
    expect(() => migrate(sql, 'ours', [...steps, 'CREATE TABLE u (a); CREATE TABLE t (a)'])).toThrow('exists');
    migrate(sql, 'ours', [...steps, 'CREATE TABLE u (a)']);
    expect(sql.all('SELECT a FROM t').length).toBe(1);
  });
});

test('tables of a newer edgeban are refused', async () => {
  const error = await withSql((sql) => {
    migrate(sql, 'ours', steps);
    try {
      migrate(sql, 'ours', steps.slice(0, 1));
    } catch (thrown) {
      return thrown;
    }
    return null;
  });
  expect(error instanceof EdgebanError && error.code).toBe('ERR_STORE_NEWER');
});

test('bans of a version that did not keep their order come in the order of their times', async () => {
  await withSql((sql) => {
    migrate(sql, 'store', storeMigrations.slice(0, 4));
    const old = (jail: string, id: string, at: number, forced: number) =>
      sql.all(
        `INSERT INTO held_bans VALUES (?, ?, NULL, ?, 600, ?, 2, 3, '["a"]', '{"user":"x"}', ?)`,
        jail,
        id,
        at,
        at + 600,
        forced,
      );
    for (const [jail, id, at] of [
      ['sshd', 'c', 1],
      ['sshd', 'b', 2],
      ['mail', 'd', 9],
      ['sshd', 'a', 2],
    ] as const)
      old(jail, id, at, Number(id === 'b'));
    const { bans } = storeOn(sql);
    expect([bans.idsIn('sshd'), bans.idsIn('mail')]).toEqual([['c', 'a', 'b'], ['d']]);
    expect(bans.held('sshd', 'b')).toEqual({
      jail: 'sshd',
      id: 'b',
      ip: null,
      at: 2,
      bantime: 600,
      until: 602,
      count: 2,
      failures: 3,
      matches: ['a'],
      groups: { user: 'x' },
      forced: true,
    });
  });
});
