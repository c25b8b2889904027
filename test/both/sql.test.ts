/** The Sql port keeps its contract on both databases. */
import { withSql } from 'test-sql';
import { expect, test } from 'vitest';

test('values come back as they went in', async () => {
  const row = await withSql((sql) => {
    sql.script('CREATE TABLE t (a TEXT, b REAL, c INTEGER, d BLOB, e TEXT); -- one\nCREATE TABLE u (x)');
    sql.all('INSERT INTO t VALUES (?, ?, ?, ?, ?)', 'grün', 0.5, 2 ** 40, new Uint8Array([0, 255]), null);
    return sql.all('SELECT * FROM t')[0];
  });
  expect({ ...row }).toEqual({ a: 'grün', b: 0.5, c: 2 ** 40, d: new Uint8Array([0, 255]), e: null });
});

test('a transaction that throws leaves nothing behind, and its error comes out', async () => {
  const rows = await withSql((sql) => {
    sql.script('CREATE TABLE t (a INTEGER)');
    expect(() =>
      sql.transaction(() => {
        sql.all('INSERT INTO t VALUES (1)');
        throw new Error('half way');
      }),
    ).toThrow('half way');
    sql.transaction(() => sql.all('INSERT INTO t VALUES (2)'));
    return sql.all('SELECT a FROM t').map((row) => row['a']);
  });
  expect(rows).toEqual([2]);
});

test('a transaction inside another is a bug, and the outer one is undone', async () => {
  const rows = await withSql((sql) => {
    sql.script('CREATE TABLE t (a INTEGER)');
    const nested = () => sql.transaction(() => sql.all('INSERT INTO t VALUES (1)'));
    expect(() =>
      sql.transaction(() => {
        sql.all('INSERT INTO t VALUES (0)');
        nested();
      }),
    ).toThrow('inside');
    return sql.all('SELECT a FROM t').length;
  });
  expect(rows).toBe(0);
});

test('a hundred parameters are taken', async () => {
  const values = Array.from({ length: 100 }, (_, index) => index);
  const sum = await withSql(
    (sql) => sql.all(`SELECT ${values.map(() => '?').join(' + ')} AS sum`, ...values)[0]?.['sum'],
  );
  expect(sum).toBe(4950);
});
