/** What every room of the fake shares: state, clock, limits, and ids that look like Cloudflare's. */
import { randomUUID } from 'node:crypto';
import type { Part } from './multipart.ts';
import type { FakeOptions, Token } from './options.ts';
import { Refusal } from './reply.ts';
import { loadState, type Operation, type State, saveState } from './state.ts';

export interface World {
  readonly options: FakeOptions;
  readonly state: State;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly save: () => void;
}

export interface Asked {
  readonly params: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  /** The parsed JSON body; undefined if there was none. */
  readonly body: unknown;
  /** Of a multipart body. */
  readonly parts: readonly Part[] | null;
  readonly token: Token | null;
}

export function createWorld(options: FakeOptions, file: string | null, now: () => number): World {
  const state = loadState(file, options.operation_ms);
  return { options, state, now, save: () => saveState(file, state) };
}

export function pendingOperation(world: World): Operation | null {
  return world.state.operations.find((each) => each.completed_ms === null) ?? null;
}

/** None of a kind, in the way that is set. */
export function orNull<T>(world: World, found: readonly T[]): readonly T[] | null {
  return found.length === 0 && world.state.none === 'null' ? null : found;
}

export function newId(): string {
  return randomUUID().replaceAll('-', '');
}

export function stamp(ms: number): string {
  return new Date(ms).toISOString();
}

/** A JSON object with no other fields than these, or Cloudflare's refusal. */
export function objectOf(body: unknown, allowed: readonly string[]): Readonly<Record<string, unknown>> {
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new Refusal(400, 10026, 'request body must be a JSON object');
  }
  for (const field of Object.keys(body)) {
    if (!allowed.includes(field)) throw new Refusal(400, 10026, `unknown field "${field}" in request body`);
  }
  return Object.fromEntries(Object.entries(body));
}

export function textOf(value: unknown, field: string, length_max: number): string {
  if (typeof value !== 'string') throw new Refusal(400, 10026, `field "${field}" must be a string`);
  if (value.length > length_max) throw new Refusal(400, 10026, `field "${field}" is longer than ${length_max}`);
  return value;
}
