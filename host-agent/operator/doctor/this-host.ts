/** This host's own part: is it enrolled, does its daemon follow the feed. */
import { request } from '../../control/client.ts';
import { isList, type ReplyValue } from '../../control/framing.ts';
import { edgeFiles } from '../../edge/files.ts';
import { readSettings } from '../../edge/settings.ts';
import { ago } from '../fleet.ts';
import type { OperatorWorld } from '../world.ts';
import { broken, type Finding, ok, warning } from './finding.ts';

const about = 'this host';
const answer_seconds_max = 10;

export interface ThisHost {
  /** At the Worker; null: not enrolled there. */
  readonly id: string | null;
  readonly socket: string;
}

/** `conf`: the configuration's folder; `socket`: where the daemon listens, if not where that says. */
export async function thisHost(
  world: OperatorWorld,
  { conf, socket: named }: { readonly conf: string; readonly socket?: string | undefined },
  url: string,
): Promise<ThisHost> {
  const { dbfile, socket } = await world.serverSettings(conf);
  const known = readSettings(edgeFiles(dbfile).settings);
  return { id: known !== null && known.url === new URL(url).origin ? known.host : null, socket: named ?? socket };
}

export async function ownFindings(host: ThisHost, now: number): Promise<Finding[]> {
  if (host.id === null) return [ok(about, 'not enrolled at this Worker')];
  const link = await ask(host.socket, ['edge', 'status']);
  if (link === null || typeof link !== 'object' || isList(link))
    return [broken(about, 'enrolled, but no daemon runs or it has no link', 'systemctl restart edgeban')];
  const { trouble = null, answeredAt = null, waiting = 0, feed = null } = link;
  const heard = typeof answeredAt === 'number' ? `last answer ${ago(now - answeredAt)} ago` : 'no answer yet';
  const text = `feed ${String(feed)}, ${heard}, ${String(waiting)} event(s) waiting`;
  if (trouble !== null) return [broken(about, `${text}: ${String(trouble)}`, 'see the log; edgeban edge status')];
  if (feed === 'down') return [warning(about, text, 'see the log; it tries again by itself')];
  return [ok(about, text)];
}

/** What the daemon answers; null if none does. */
export async function ask(socket: string, words: readonly string[]): Promise<ReplyValue> {
  try {
    const reply = await request(socket, words, { timeout: answer_seconds_max });
    return 'ok' in reply ? reply.ok : null;
  } catch {
    return null;
  }
}
