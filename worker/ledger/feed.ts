/** The feed: pages of changed holders for a host that asks, and for those that listen over a WebSocket. */
import { changesAfter } from '../../shared/store/feed.ts';
import type { Holders } from '../../shared/store/holders.ts';
import type { Sql } from '../../shared/store/sql.ts';
import { type FeedPage, wireLimits } from '../../shared/wire.ts';
import { ledgerLimits } from './limits.ts';

export interface FeedParts {
  readonly sql: Sql;
  readonly holders: Holders;
  readonly ledger: string;
}

/** How far a reader has got: `cursor` -1 is one of another ledger, or of none. */
export interface FeedPlace {
  readonly cursor: number;
  /** Between the first and the last page of a reset. */
  readonly resetting: boolean;
}

/** Before the alarm goes on with it. */
const live_changes_max = ledgerLimits.feed_pages_per_push_max * wireLimits.feed_changes_max;

/** The close codes of the feed: 4000 and above are ours (RFC 6455, 7.4.2). */
const feedClose = { replaced: 4000, revoked: 4003, rotated: 4004 } as const;

/** Where the query of a feed request (`ledger`, `cursor`, `resetting`) stands in this ledger. */
export function readPlace(query: URLSearchParams, ledger: string): FeedPlace {
  const cursor = /^\d{1,15}$/.test(query.get('cursor') ?? '') ? Number(query.get('cursor')) : 0;
  if (query.get('ledger') !== ledger) return { cursor: -1, resetting: false };
  return { cursor, resetting: query.get('resetting') === '1' };
}

export function pageAfter(parts: FeedParts, place: FeedPlace): FeedPage {
  const request = { after: place.cursor, resetting: place.resetting, limit: wireLimits.feed_changes_max };
  const { cursor, reset, more, changes } = changesAfter(parts.sql, parts.holders, request);
  return { ledger: parts.ledger, cursor, reset, more, changes: [...changes] };
}

/** How many changes a reader is told at once because it is behind; who begins anew is behind by all of them. */
export function behindBy({ holders }: FeedParts, { cursor }: FeedPlace, by: 'page' | 'live'): number {
  const newest = holders.last();
  const behind = cursor < 0 || cursor > newest ? newest : newest - cursor;
  return Math.min(behind, by === 'page' ? wireLimits.feed_changes_max : live_changes_max);
}

function placeAfter(page: FeedPage): FeedPlace {
  return { cursor: page.cursor, resetting: page.reset && page.more };
}

/** What a listener's socket carries through hibernation. */
interface Listener extends FeedPlace {
  readonly host: string;
}

/** Makes `socket` the one listener of `host`: an older one of the same host is closed. */
export function listen(state: DurableObjectState, socket: WebSocket, host: string, place: FeedPlace): void {
  for (const old of state.getWebSockets(host)) old.close(feedClose.replaced, 'the host listens elsewhere now');
  state.acceptWebSocket(socket, [host]);
  attach(socket, { host, ...place });
}

const why = { revoked: 'the host has been revoked', rotated: 'the host has a new key' } as const;

/** How many changes the host has not been told; null: it does not listen. */
export function behindOf(state: DurableObjectState, host: string, newest: number): number | null {
  const places = state.getWebSockets(host).flatMap((socket) => readListener(socket) ?? []);
  return places.length === 0 ? null : Math.max(0, newest - Math.max(...places.map(({ cursor }) => cursor)));
}

/** How many hosts listen. */
export function listenersOf(state: DurableObjectState): number {
  return state.getWebSockets().filter((socket) => readListener(socket) !== null).length;
}

/** Ends the host's live feed: whoever listens may do so by a key that counts no more. */
export function hangUp(state: DurableObjectState, host: string, cause: keyof typeof why): void {
  for (const socket of state.getWebSockets(host)) socket.close(feedClose[cause], why[cause]);
}

/** Sends `socket` one page in any case, so that a listener knows at once that it is up to date. True if more must follow. */
export function greet(parts: FeedParts, socket: WebSocket): boolean {
  return send(socket, pageFor(parts, new Map()), true);
}

/** Sends every listener what it has not got; true if there is more than may be sent at once. */
export function push(parts: FeedParts, sockets: readonly WebSocket[]): boolean {
  const page = pageFor(parts, new Map());
  const newest = parts.holders.last();
  let behind = false;
  for (const socket of sockets) {
    const listener = readListener(socket);
    if (listener === null || !lags(listener, newest)) continue;
    if (send(socket, page, false)) behind = true;
  }
  return behind;
}

/** Is there a listener that has not been told everything? */
export function isBehind(parts: FeedParts, sockets: readonly WebSocket[]): boolean {
  const newest = parts.holders.last();
  return sockets.some((socket) => {
    const listener = readListener(socket);
    return listener !== null && lags(listener, newest);
  });
}

function lags({ cursor, resetting }: FeedPlace, newest: number): boolean {
  return cursor !== newest || resetting;
}

/** Pages by place: listeners that are equally far share one. */
function pageFor(parts: FeedParts, pages: Map<string, { page: FeedPage; text: string }>) {
  return (place: FeedPlace) => {
    const key = `${place.cursor} ${place.resetting}`;
    const known = pages.get(key);
    if (known !== undefined) return known;
    const page = pageAfter(parts, place);
    const made = { page, text: JSON.stringify(page) };
    if (pages.size < ledgerLimits.feed_pages_per_push_max) pages.set(key, made);
    return made;
  };
}

function send(socket: WebSocket, pageOf: ReturnType<typeof pageFor>, always: boolean): boolean {
  for (let sent = 0; sent < ledgerLimits.feed_pages_per_push_max; sent++) {
    const listener = readListener(socket);
    if (listener === null || socket.readyState !== WebSocket.OPEN) return false;
    const { page, text } = pageOf(listener);
    const news = page.changes.length > 0 || page.reset;
    if (news || always) socket.send(text);
    attach(socket, { host: listener.host, ...placeAfter(page) });
    if (!page.more) return false;
  }
  return true;
}

function attach(socket: WebSocket, listener: Listener): void {
  socket.serializeAttachment(listener);
}

function readListener(socket: WebSocket): Listener | null {
  const kept: unknown = socket.deserializeAttachment();
  return isListener(kept) ? kept : null;
}

function isListener(kept: unknown): kept is Listener {
  return typeof kept === 'object' && kept !== null && 'host' in kept && 'cursor' in kept && 'resetting' in kept;
}
