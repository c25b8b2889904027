/** What the server of this host holds banned at this moment, to be laid beside a replay. */
import { request } from '../control/client.ts';
import { isList, type ReplyValue } from '../control/framing.ts';

/** By jail. */
export type BannedNow = ReadonlyMap<string, ReadonlySet<string>>;

/** Null: no server answers at the socket. */
export async function bannedNow(socket: string): Promise<BannedNow | null> {
  try {
    const reply = await request(socket, ['banned'], { timeout: 10 });
    return 'ok' in reply && isList(reply.ok) ? new Map(reply.ok.flatMap(jailsIn)) : null;
  } catch {
    return null;
  }
}

function jailsIn(value: ReplyValue): [string, ReadonlySet<string>][] {
  if (value === null || typeof value !== 'object' || isList(value)) return [];
  return Object.entries(value).map(([jail, ids]) => {
    const list = isList(ids) ? ids.filter((id) => typeof id === 'string') : [];
    return [jail, new Set(list)];
  });
}
