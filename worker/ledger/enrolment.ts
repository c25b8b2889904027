/** A host comes, or changes its key: each with its line in the ledger's record. */
import type { Sql } from '../../shared/store/sql.ts';
import type { UnixTime } from '../../shared/time.ts';
import { type EnrollRequest, RotateRequest } from '../../shared/wire.ts';
import { sha256 } from '../auth.ts';
import { readJson } from '../body.ts';
import { log } from '../problem.ts';
import { noteAct } from './acts.ts';
import { rowsOf, spend } from './allowance.ts';
import type { Teller } from './events.ts';
import { enrollHost, rotateKey, saveHost } from './hosts.ts';

/** The new host's id. Throws ERR_ENROLL_TOKEN, ERR_ENROLL_TAKEN, ERR_CAP_HOSTS. */
export async function enrol(sql: Sql, request: EnrollRequest, place: string | null, now: UnixTime): Promise<string> {
  const hash = await sha256(request.token);
  const fresh = crypto.randomUUID();
  const id = sql.transaction(() => {
    const host = enrollHost(sql, request, hash, fresh, now);
    // told again, because its answer was lost, it is no new act
    if (host === fresh) noteAct(sql, { who: host, place }, 'enrolled', request.name, now);
    return host;
  });
  log('enrolled', { host: id, name: request.name });
  return id;
}

/** `body`: the JSON of a RotateRequest. False if the key is the host's already. Throws ERR_AUTH_KEY_TAKEN. */
export function rotate(
  sql: Sql,
  { host, seen }: Teller,
  body: string,
  place: string | null,
  now: UnixTime,
): { readonly key: string; readonly fresh: boolean } {
  const { key } = readJson(RotateRequest, body);
  const fresh = sql.transaction(() => {
    const changed = rotateKey(sql, host, key, now);
    saveHost(sql, host.id, { ...seen, ...spend(host, rowsOf({ changes: 1, failures: 0 }), now) });
    if (changed) noteAct(sql, { who: host.id, place }, 'rotated', host.name, now);
    return changed;
  });
  return { key, fresh };
}
