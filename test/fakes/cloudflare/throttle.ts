/** The fake's rate limits: requests per token in a window, then a ban; item changes per account in twelve hours. */
import type { FakeLimits, Token } from './options.ts';
import { Refusal } from './reply.ts';

export interface Throttle {
  /** Counts a request of this token; past the limit it refuses all of them for one window. */
  request(token: Token): void;
  /** Counts a request that changes `items` list items. */
  change(items: number): void;
}

const half_day_ms = 12 * 3600 * 1000;

/** Kept in memory only: a restart of the fake forgives, which makes nothing easier for a client that behaves. */
export function createThrottle(limits: FakeLimits, now: () => number): Throttle {
  const requests = new Map<string, number[]>();
  const blocked = new Map<string, number>();
  let changes: { readonly at: number; readonly items: number }[] = [];

  function request(token: Token): void {
    const window_ms = limits.window_s * 1000;
    const until = blocked.get(token.name) ?? 0;
    if (now() < until) throw tooMany(Math.ceil((until - now()) / 1000));
    const recent = (requests.get(token.name) ?? []).filter((at) => at > now() - window_ms);
    requests.set(token.name, [...recent, now()]);
    if (recent.length < limits.requests_per_window_max) return;
    blocked.set(token.name, now() + window_ms);
    throw tooMany(limits.window_s);
  }

  function change(items: number): void {
    changes = changes.filter(({ at }) => at > now() - half_day_ms);
    const sum = changes.reduce((total, each) => total + each.items, items);
    if (changes.length >= limits.item_requests_per_12h_max || sum > limits.item_changes_per_12h_max)
      throw tooMany(3600);
    changes.push({ at: now(), items });
  }

  return { request, change };
}

function tooMany(retry_s: number): Refusal {
  const headers = { 'retry-after': String(retry_s) };
  return new Refusal(429, 971, 'Please wait and consider throttling your request speed', headers);
}
