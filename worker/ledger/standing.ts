/** What holds for all bans at once: the panic switch and the brake. */
import type { z } from 'zod';
import { Meta } from '../../shared/store/meta.ts';
import type { Sql } from '../../shared/store/sql.ts';
import type { Stance } from '../cloudflare/enforcement.ts';
import { Brake, Panic } from '../shapes.ts';

/** The operator has lifted all enforcement at the edge; null: it is in force. */
export function readPanic(sql: Sql): Panic | null {
  return read(sql, 'edge.panic', Panic);
}

/** Belongs into the transaction of the act. */
export function writePanic(sql: Sql, panic: Panic | null): void {
  write(sql, 'edge.panic', panic);
}

/** Blocks are challenges at the moment; null: they are blocks. */
export function readBrake(sql: Sql): Brake | null {
  return read(sql, 'edge.brake', Brake);
}

/** Belongs into the transaction of the act. */
export function writeBrake(sql: Sql, brake: Brake | null): void {
  write(sql, 'edge.brake', brake);
}

export function stanceOf(sql: Sql): Stance {
  return { panic: readPanic(sql) !== null, brake: readBrake(sql) !== null };
}

function read<T>(sql: Sql, key: string, shape: z.ZodType<T>): T | null {
  const text = new Meta(sql).get(key);
  return text === null ? null : shape.parse(JSON.parse(text));
}

function write(sql: Sql, key: string, value: unknown): void {
  if (value === null) new Meta(sql).delete(key);
  else new Meta(sql).set(key, JSON.stringify(value));
}
