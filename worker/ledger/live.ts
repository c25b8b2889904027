/** Open dashboards: WebSockets that are told of bans, unbans and acts as they come, across hibernation. */
import { holderOf } from '../../shared/store/holders.ts';
import { number } from '../../shared/store/row.ts';
import type { Sql } from '../../shared/store/sql.ts';
import type { UnixTime } from '../../shared/time.ts';
import { type LiveEvent, viewLimits } from '../../shared/view.ts';
import { actOf } from './acts.ts';
import { countOf } from './state.ts';

export const liveLimits = {
  /** Dashboards that are open at a time; the one that was opened first is closed for another one. */
  pages_max: 50,
} as const;

const tag = 'page';

/** What a dashboard's socket carries through hibernation. */
interface Place {
  /** The newest holder and act that it has been told. */
  readonly cursor: number;
  readonly act: number;
  /** When its session ends. */
  readonly until: UnixTime;
}

/** The close codes: 4000 and above are ours. */
const pageClose = { crowded: 4001, loggedOut: 4005 } as const;

/** Tells `socket` what happens from now on. `session`: its id; `until`: its end. */
export function openPage(
  state: DurableObjectState,
  sql: Sql,
  socket: WebSocket,
  session: { readonly id: string; readonly until: UnixTime },
  now: UnixTime,
): void {
  const open = state.getWebSockets(tag);
  for (const old of open.slice(0, Math.max(0, open.length - liveLimits.pages_max + 1)))
    old.close(pageClose.crowded, 'too many dashboards are open');
  state.acceptWebSocket(socket, [tag, session.id]);
  attach(socket, { ...newest(sql), until: session.until });
  say(socket, { kind: 'here', at: now });
}

/** Closes the dashboards of a session that has ended. */
export function closePages(state: DurableObjectState, session: string): void {
  for (const socket of state.getWebSockets(session)) socket.close(pageClose.loggedOut, 'the session is over');
}

/** Tells all open dashboards what they have not been told. */
export function tellPages(state: DurableObjectState, sql: Sql, nameOf: () => (host: string) => string, now: UnixTime) {
  const open = state.getWebSockets(tag);
  if (open.length === 0) return;
  const end = newest(sql);
  let names: ((host: string) => string) | null = null;
  const told = new Map<string, readonly LiveEvent[]>();
  for (const socket of open) {
    const place = readPlace(socket);
    if (place === null || socket.readyState !== WebSocket.OPEN) continue;
    if (place.until <= now) socket.close(pageClose.loggedOut, 'the session is over');
    if (place.until <= now || (place.cursor >= end.cursor && place.act >= end.act)) continue;
    const key = `${place.cursor} ${place.act}`;
    names ??= nameOf();
    const events = told.get(key) ?? eventsAfter(sql, place, names, now);
    told.set(key, events);
    for (const event of events) say(socket, event);
    attach(socket, { ...end, until: place.until });
  }
}

function eventsAfter(sql: Sql, { cursor, act }: Place, nameOf: (host: string) => string, now: UnixTime): LiveEvent[] {
  const changes = countOf(sql, 'SELECT COUNT(*) AS n FROM holders WHERE cursor > ?', cursor);
  const acts = sql.all('SELECT * FROM acts WHERE n > ? ORDER BY n LIMIT ?', act, viewLimits.live_events_max);
  const told = acts.map((row): LiveEvent => ({ kind: 'act', act: actOf(row) }));
  if (changes > viewLimits.live_events_max) return [{ kind: 'more', at: now, changes }, ...told];
  const rows = sql.all('SELECT * FROM holders WHERE cursor > ? ORDER BY cursor', cursor);
  const bans = rows.map((row): LiveEvent => {
    const { address, host, jail, at, until, lifted } = holderOf(row);
    const who = { address, host: nameOf(host), jail };
    return lifted ? { kind: 'unban', at: now, ...who } : { kind: 'ban', at, until, ...who };
  });
  return [...bans, ...told];
}

function newest(sql: Sql): Pick<Place, 'cursor' | 'act'> {
  const [row] = sql.all(
    `SELECT COALESCE((SELECT MAX(cursor) FROM holders), 0) AS cursor, COALESCE((SELECT MAX(n) FROM acts), 0) AS act`,
  );
  return row === undefined ? { cursor: 0, act: 0 } : { cursor: number(row, 'cursor'), act: number(row, 'act') };
}

function say(socket: WebSocket, event: LiveEvent): void {
  socket.send(JSON.stringify(event));
}

function attach(socket: WebSocket, place: Place): void {
  socket.serializeAttachment({ page: place });
}

function readPlace(socket: WebSocket): Place | null {
  const kept: unknown = socket.deserializeAttachment();
  if (typeof kept !== 'object' || kept === null || !('page' in kept)) return null;
  return isPlace(kept.page) ? kept.page : null;
}

function isPlace(kept: unknown): kept is Place {
  return typeof kept === 'object' && kept !== null && 'cursor' in kept && 'act' in kept && 'until' in kept;
}
