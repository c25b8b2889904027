/** The watch over this host, put together for the daemon: what it sees, whom it tells, and what the Worker has to tell. */
import { hostname } from 'node:os';
import type { ServerConf } from '../../shared/config/server-conf.ts';
import { Meta } from '../../shared/store/meta.ts';
import type { Sql } from '../../shared/store/sql.ts';
import type { Agent } from '../agent/agent.ts';
import type { EdgeSettings } from '../edge/settings.ts';
import type { Log } from '../log/log.ts';

const memoryKey = 'alerts';

/** `enrolled` null: there is no Worker. */
export async function openAlerts(
  agent: Agent,
  settings: ServerConf['alerts'],
  { sql, enrolled, log }: { readonly sql: Sql; readonly enrolled: EdgeSettings | null; readonly log: Log },
): Promise<{ close(): void }> {
  const { post, targetsOf } = await import('../alerts/post.ts');
  const { hostAlertLimits, HostAlerts } = await import('../alerts/watch.ts');
  const { hostSymptoms } = await import('../alerts/symptoms.ts');
  const targets = targetsOf(settings);
  if (targets.length === 0) return { close: () => undefined };
  const meta = new Meta(sql);
  const relay = enrolled === null || !settings.edge ? null : await relayOf(enrolled);
  const alerts = new HostAlerts({
    targets,
    relay,
    name: hostname(),
    log: log.logger('server'),
    now: () => Date.now() / 1000,
    symptoms: () => hostSymptoms(agent),
    post: (target, alert) => post(target, alert, settings),
    memory: { get: () => meta.get(memoryKey), set: (text) => meta.set(memoryKey, text) },
  });
  const timer = setInterval(() => void alerts.look(), hostAlertLimits.look_ms).unref();
  return { close: () => clearInterval(timer) };
}

/** HTTP takes memory that a host by itself does not need. */
async function relayOf(enrolled: EdgeSettings) {
  const { EdgeClient } = await import('../edge/client.ts');
  const { readKey } = await import('../edge/key.ts');
  const { realWorld } = await import('../edge/world.ts');
  const identity = { host: enrolled.host, key: readKey(enrolled.key) };
  const client = new EdgeClient({ url: enrolled.url, identity, world: realWorld });
  return (after: number | null) => client.alerts(after, AbortSignal.timeout(20_000));
}
