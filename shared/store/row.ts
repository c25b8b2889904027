/** Reads the columns of a row as what the schema says they are. */
import type { SqlRow } from './sql.ts';

export function text(row: SqlRow, column: string): string {
  const value = row[column];
  if (typeof value !== 'string') throw wrong(column, 'a text');
  return value;
}

export function textOrNull(row: SqlRow, column: string): string | null {
  return row[column] === null ? null : text(row, column);
}

export function number(row: SqlRow, column: string): number {
  const value = row[column];
  if (typeof value !== 'number') throw wrong(column, 'a number');
  return value;
}

export function numberOrNull(row: SqlRow, column: string): number | null {
  return row[column] === null ? null : number(row, column);
}

/** A column that holds a JSON list of texts. */
export function texts(row: SqlRow, column: string): string[] {
  const value: unknown = JSON.parse(text(row, column));
  if (!Array.isArray(value)) throw wrong(column, 'a list');
  return value.filter((item) => typeof item === 'string');
}

/** A column that holds a JSON list of numbers. */
export function numbers(row: SqlRow, column: string): number[] {
  const value: unknown = JSON.parse(text(row, column));
  if (!Array.isArray(value)) throw wrong(column, 'a list');
  return value.filter((item) => typeof item === 'number');
}

/** A column that holds a JSON object of texts. */
export function strings(row: SqlRow, column: string): Record<string, string> {
  const value: unknown = JSON.parse(text(row, column));
  if (typeof value !== 'object' || value === null) throw wrong(column, 'an object');
  const entries = Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string');
  return Object.fromEntries(entries);
}

function wrong(column: string, wanted: string): Error {
  return new Error(`the database holds something else than ${wanted} in column ${column}`);
}
