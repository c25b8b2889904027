/** Tables come up to date step by step, and a database of the future is left alone. */
import { withSql } from 'test-sql';
import { expect, test } from 'vitest';
import { EdgebanError } from '../../shared/errors.ts';
import { migrate } from '../../shared/store/schema.ts';
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
