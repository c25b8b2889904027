/** Who may speak: enrolment tokens, enrolled hosts and their keys, and what is known of each. */
import { EdgebanError } from '../../shared/errors.ts';
import { number, numberOrNull, text, textOrNull } from '../../shared/store/row.ts';
import type { Sql, SqlRow, SqlValue } from '../../shared/store/sql.ts';
import type { UnixTime } from '../../shared/time.ts';
import type { EnrollRequest } from '../../shared/wire.ts';
import { ledgerLimits } from './limits.ts';
import { countOf } from './state.ts';

export interface Host {
  readonly id: string;
  readonly name: string;
  readonly key: string;
  readonly enrolledAt: UnixTime;
  /** To the minute. */
  readonly seenAt: UnixTime;
  readonly revokedAt: UnixTime | null;
  /** What it runs; null: it has not said. */
  readonly version: string | null;
  /** How late its newest events came, in seconds; null: none was of late. */
  readonly lag: number | null;
  /** Bans that its share has refused (share.ts); null: none. */
  readonly refused: { readonly count: number; readonly at: UnixTime; readonly code: string } | null;
  /** The time of its newest request that was written down. */
  readonly signedAt: UnixTime;
  /** Rows that it has cost on a day (allowance.ts). */
  readonly spent: { readonly day: number; readonly rows: number };
}

/** What of a host's row is to be written, by column: all that a request changes goes in one writing. */
export type HostChanges = Partial<Readonly<Record<HostColumn, SqlValue>>>;
type HostColumn =
  | ('signed_at' | 'seen_at' | 'version' | 'lag' | 'streams' | 'spent' | 'spent_day')
  | ('ban_tokens' | 'ban_tokens_at' | 'refused' | 'refused_at' | 'refused_code');

const seen_step = 60;

/** Keeps only the hash of a token; it is good for one host, for `enroll_token_life` seconds. Returns when it ends. */
export function addEnrollToken(sql: Sql, hash: string, now: UnixTime): UnixTime {
  sweepTokens(sql, now);
  const { enroll_tokens_max, enroll_token_life } = ledgerLimits;
  // used ones stay until their end, for an enrolment whose answer was lost: they are no more than hosts
  const open = countOf(sql, 'SELECT COUNT(*) AS n FROM enroll_tokens WHERE host IS NULL');
  if (open >= enroll_tokens_max)
    throw new EdgebanError('ERR_CAP_HOSTS', `${open} enrolment tokens are out; wait until they end`);
  sql.all('INSERT INTO enroll_tokens (hash, expires_at) VALUES (?, ?)', hash, now + enroll_token_life);
  return now + enroll_token_life;
}

/**
 * Enrols a host: `id` is the new host's, `tokenHash` of request.token. A request repeated with the same token and key
 * (its answer was lost) gets the same id again. Throws ERR_ENROLL_TOKEN, ERR_ENROLL_TAKEN, ERR_CAP_HOSTS.
 */
export function enrollHost(sql: Sql, request: EnrollRequest, tokenHash: string, id: string, now: UnixTime): string {
  const token = sql.all('SELECT host FROM enroll_tokens WHERE hash = ? AND expires_at > ?', tokenHash, now)[0];
  if (token === undefined) throw refusedToken('unknown or too old');
  const used = textOrNull(token, 'host');
  if (used !== null) return sameHost(sql, used, request);
  refuseTaken(sql, request);
  sql.all('UPDATE enroll_tokens SET host = ? WHERE hash = ?', id, tokenHash);
  const { name, key } = request;
  sql.all(
    'INSERT INTO hosts (id, name, key, enrolled_at, seen_at, ban_tokens, ban_tokens_at) VALUES (?, ?, ?, ?, ?, ?, ?)',
    ...[id, name, key, now, now, ledgerLimits.held_per_host_max, now],
  );
  return id;
}

function sameHost(sql: Sql, id: string, request: EnrollRequest): string {
  const host = findHost(sql, id);
  if (host?.key === request.key && host.name === request.name && host.revokedAt === null) return id;
  throw refusedToken('used already');
}

function refusedToken(why: string): EdgebanError {
  return new EdgebanError('ERR_ENROLL_TOKEN', `the enrolment token is ${why}`, {
    remedy: 'ask the operator for a new one (POST /v1/enroll-tokens)',
  });
}

/**
 * Gives the host of a verified request its new key; the old one is refused from now on, and for ever. False if it has
 * that key already: the request is told again because its answer was lost. Throws ERR_AUTH_KEY_TAKEN.
 */
export function rotateKey(sql: Sql, { id, key: old }: Host, key: string, now: UnixTime): boolean {
  if (old === key) return false;
  const known = sql.all('SELECT 1 FROM hosts WHERE key = ? UNION ALL SELECT 1 FROM spent_keys WHERE key = ?', key, key);
  if (known.length > 0)
    throw new EdgebanError('ERR_AUTH_KEY_TAKEN', 'this key is or was in use', { remedy: 'make a fresh key' });
  sql.all('INSERT INTO spent_keys (key, host, at) VALUES (?, ?, ?)', old, id, now);
  sql.all(
    `DELETE FROM spent_keys WHERE host = ? AND key NOT IN
       (SELECT key FROM spent_keys WHERE host = ? ORDER BY at DESC LIMIT ?)`,
    ...[id, id, ledgerLimits.spent_keys_per_host_max],
  );
  sql.all('UPDATE hosts SET key = ? WHERE id = ?', key, id);
  return true;
}

function refuseTaken(sql: Sql, { name, key }: EnrollRequest): void {
  const same = sql.all(
    `SELECT 1 FROM hosts WHERE key = ? OR (name = ? AND revoked_at IS NULL)
       UNION ALL SELECT 1 FROM spent_keys WHERE key = ?`,
    ...[key, name, key],
  );
  if (same.length > 0)
    throw new EdgebanError('ERR_ENROLL_TAKEN', `a host with the name ${name} or with this key is enrolled already`, {
      remedy: 'revoke it first (DELETE /v1/hosts/{id}), or take another name; a key that was revoked never comes back',
    });
  const hosts = countOf(sql, 'SELECT COUNT(*) AS n FROM hosts');
  if (hosts >= ledgerLimits.hosts_max)
    throw new EdgebanError('ERR_CAP_HOSTS', `${hosts} hosts are known, revoked ones included`);
}

function findHost(sql: Sql, id: string): Host | null {
  const row = sql.all('SELECT * FROM hosts WHERE id = ?', id)[0];
  return row === undefined ? null : hostOf(row);
}

export function allHosts(sql: Sql): Host[] {
  return sql.all('SELECT * FROM hosts ORDER BY name, enrolled_at').map(hostOf);
}

/** The host of a signed request: throws ERR_AUTH_HOST or ERR_AUTH_REVOKED. */
export function enrolledHost(sql: Sql, id: string): Host {
  const host = findHost(sql, id);
  if (host === null) throw new EdgebanError('ERR_AUTH_HOST', 'no host of this id is enrolled here');
  if (host.revokedAt !== null) throw new EdgebanError('ERR_AUTH_REVOKED', `the host ${host.name} has been revoked`);
  return host;
}

export function saveHost(sql: Sql, id: string, changes: HostChanges): void {
  const columns = Object.entries(changes);
  if (columns.length === 0) return;
  const names = columns.map(([name]) => `${name} = ?`).join(', ');
  sql.all(`UPDATE hosts SET ${names} WHERE id = ?`, ...columns.map(([, value]) => value), id);
}

/** What of a verified request is noted: when it was signed, what the host runs. */
interface Seen {
  readonly time: UnixTime;
  readonly version: string | null;
}

/** Of a verified request. `lag`: how late the host's newest events came, in seconds. */
export function seenBy(host: Host, request: Seen, lag: number | null, now: UnixTime) {
  return {
    seen_at: now,
    signed_at: Math.max(host.signedAt, request.time),
    version: request.version ?? host.version,
    lag: lag ?? host.lag,
  } satisfies HostChanges;
}

/** Is it time to write that down, though the request changes nothing? */
export function isSeenDue(host: Host, changes: ReturnType<typeof seenBy>): boolean {
  return changes.seen_at - host.seenAt >= seen_step || (host.version === null && changes.version !== null);
}

/** Throws ERR_HOST_UNKNOWN; revoking twice changes nothing. */
export function revokeHost(sql: Sql, id: string, now: UnixTime): Host {
  const host = findHost(sql, id);
  if (host === null) throw new EdgebanError('ERR_HOST_UNKNOWN', 'no host of this id is enrolled here');
  if (host.revokedAt !== null) return host;
  sql.all('UPDATE hosts SET revoked_at = ? WHERE id = ?', now, id);
  saveHost(sql, id, { streams: null });
  return { ...host, revokedAt: now };
}

export function sweepTokens(sql: Sql, now: UnixTime): void {
  sql.all('DELETE FROM enroll_tokens WHERE expires_at <= ?', now);
}

function hostOf(row: SqlRow): Host {
  return {
    id: text(row, 'id'),
    name: text(row, 'name'),
    key: text(row, 'key'),
    enrolledAt: number(row, 'enrolled_at'),
    seenAt: number(row, 'seen_at'),
    revokedAt: numberOrNull(row, 'revoked_at'),
    version: textOrNull(row, 'version'),
    lag: numberOrNull(row, 'lag'),
    refused: refusedOf(row),
    signedAt: number(row, 'signed_at'),
    spent: { day: number(row, 'spent_day'), rows: number(row, 'spent') },
  };
}

function refusedOf(row: SqlRow): Host['refused'] {
  const at = numberOrNull(row, 'refused_at');
  return at === null ? null : { count: number(row, 'refused'), at, code: text(row, 'refused_code') };
}
