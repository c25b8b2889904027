/** What `edgeban top` shows: counts of each jail, and what was newly decided. Cheap for the daemon, asked once a second. */
import { z } from 'zod';
import type { AgentControl } from './agent-control.ts';
import { invalidValue } from './errors.ts';
import type { ReplyValue } from './framing.ts';

const WatchEvent = z.object({
  /** Counts from 1 while the daemon runs. */
  n: z.number(),
  /** Unix seconds, as all times here. */
  at: z.number(),
  kind: z.enum(['found', 'ban', 'prolong', 'unban', 'spared', 'refused']),
  jail: z.string(),
  id: z.string(),
});
export type WatchEvent = z.infer<typeof WatchEvent>;

const WatchJail = z.object({
  jail: z.string(),
  /** Failures and bans since the jail started. */
  failures: z.number(),
  bans: z.number(),
  /** Ids with failures that are counted now. */
  failing: z.number(),
  banned: z.number(),
  /** Bans that are not in force. */
  missing: z.number(),
  idle: z.boolean(),
});
export type WatchJail = z.infer<typeof WatchJail>;

export const Watch = z.object({
  version: z.string(),
  /** When the daemon started: its events and counts are of another one's after a restart. */
  started: z.number(),
  now: z.number(),
  jails: z.array(WatchJail),
  /** Null: the host is not enrolled. */
  edge: z
    .object({ feed: z.enum(['live', 'polling', 'down']), waiting: z.number(), trouble: z.string().nullable() })
    .nullable(),
  /** The number of the newest event: to be given with the next question. */
  cursor: z.number(),
  /** After the cursor that was given: the newest, oldest first. */
  events: z.array(WatchEvent),
});
export type Watch = z.infer<typeof Watch>;

const events_max = 100;

/** `words`: the cursor and the start of the daemon that gave it; of another daemon's, all that there is is told. */
export function watch(agent: AgentControl, [cursor = '0', started = '']: readonly string[]): ReplyValue {
  if (!/^\d{1,15}$/.test(cursor)) throw invalidValue(`'${cursor}' is no cursor`);
  const { recent } = agent;
  const after = started === String(recent.started) ? Number(cursor) : 0;
  const { version } = agent;
  return {
    version,
    started: recent.started,
    ...recent.after(after, events_max),
    jails: jails(agent),
    edge: edge(agent),
  };
}

function jails(agent: AgentControl): WatchJail[] {
  return agent.jails().flatMap((name) => {
    const jail = agent.jail(name);
    if (jail === null) return [];
    const { totalFailed, totalBanned, currentlyFailed, currentlyBanned } = jail.counts();
    const counts = { failures: totalFailed, bans: totalBanned, failing: currentlyFailed, banned: currentlyBanned };
    return [{ jail: name, ...counts, missing: jail.failing().length, idle: jail.idle }];
  });
}

function edge(agent: AgentControl): Watch['edge'] {
  const report = agent.edge();
  return report === null ? null : { feed: report.feed, waiting: report.waiting, trouble: report.trouble };
}
