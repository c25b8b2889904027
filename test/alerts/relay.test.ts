/** From the Worker in workerd to people, both ways: by its own webhook, and passed on by a host that asks it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { hostAlertLimits } from '../../host-agent/alerts/watch.ts';
import { openAlerts } from '../../host-agent/daemon/alert-watch.ts';
import { enroll } from '../../host-agent/edge/enroll.ts';
import { edgeFiles } from '../../host-agent/edge/files.ts';
import { realWorld } from '../../host-agent/edge/world.ts';
import { Log } from '../../host-agent/log/log.ts';
import { openSqlite } from '../../host-agent/system/sqlite.ts';
import { migrate, storeMigrations } from '../../shared/store/schema.ts';
import { startAgent, webJail } from '../agent/bench.ts';
import { makeRealWorker } from '../edge/real-worker.ts';
import { openReceiver } from './receiver.ts';

const within = { timeout: 60_000, interval: 100 };

test('a panic reaches people by the Worker, and by a host', { timeout: 180_000 }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'edgeban-relay-'));
  const [people, host] = [await openReceiver(), await openReceiver()];
  const tokens = { OPERATOR_TOKEN: 'operator-of-the-test', CLOUDFLARE_API_TOKEN: 'none', ENFORCEMENT: 'none' };
  const worker = await makeRealWorker(folder, { settings: () => ({ ...tokens, ALERT_WEBHOOK: people.url }) });
  await worker.start();
  onTestFinished(async () => {
    await worker.kill();
    rmSync(folder, { recursive: true, force: true });
  });
  const operator = async (path: string, body?: unknown) => {
    const headers = { authorization: `Bearer ${tokens.OPERATOR_TOKEN}`, 'content-type': 'application/json' };
    const reply = await fetch(worker.url + path, { method: 'POST', headers, body: JSON.stringify(body ?? {}) });
    return await reply.json();
  };
  const { token } = (await operator('/v1/enroll-tokens')) as { token: string };
  const files = edgeFiles(join(folder, 'edgeban.sqlite3'));
  const enrolled = await enroll({ files, url: worker.url, token, name: 'web1', world: realWorld });
  await operator('/v1/panic', { reason: 'a trial' });
  await expect.poll(() => people.told, within).toEqual(['began panic']);
  expect(JSON.parse(people.received[0]?.body ?? '')).toMatchObject({
    text: expect.stringMatching(/^by operator .*: a trial$/),
    source: 'worker',
  });

  const { agent, write } = await startAgent(webJail('action ='));
  write('web.log', '');
  const sql = openSqlite(':memory:');
  migrate(sql, 'store', storeMigrations);
  const log = new Log({ target: join(folder, 'log'), level: 'INFO' });
  vi.useFakeTimers({ toFake: ['setInterval'] });
  const settings = { mail: [], webhook: host.url, ntfy: '', edge: true };
  const alerts = await openAlerts(agent, settings, { sql, enrolled, log });
  onTestFinished(() => {
    alerts.close();
    log.close();
    vi.useRealTimers();
  });
  await vi.advanceTimersByTimeAsync(hostAlertLimits.look_ms);
  vi.useRealTimers();
  await expect.poll(() => host.told, within).toEqual(['began panic']);
  // names and times only: a host's key may be stolen
  expect(host.received[0]?.body).not.toContain('a trial');
});
