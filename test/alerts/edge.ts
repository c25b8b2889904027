/** An edge that a test can break: the ledger's rooms on Node, a Cloudflare over HTTP, a receiver of alerts, a clock moved by hand. */
import { onTestFinished } from 'vitest';
import { Alerts } from '../../worker/alerts/alerts.ts';
import type { AlertVars } from '../../worker/alerts/settings.ts';
import { viewHosts } from '../../worker/ledger/status.ts';
import { FakeKv, TestLedger } from '../cloudflare/ledger.ts';
import { openScene } from '../cloudflare/scene.ts';
import { openReceiver } from './receiver.ts';

export const secret = 'a secret of the test';
export const week = 7 * 86_400;

export async function edge(vars: AlertVars = {}) {
  const scene = await openScene();
  onTestFinished(() => scene.close());
  const people = await openReceiver();
  const kv = new FakeKv();
  const ledger = new TestLedger(scene, kv);
  const live = new Set<string>();
  let trouble: Error | null = null;
  const views = {
    status: () => {
      if (trouble !== null) throw trouble;
      return ledger.status;
    },
    hosts: () => viewHosts({ sql: ledger.sql, roll: ledger.roll }, (id) => live.has(id), scene.clock.now),
  };
  const env = { ALERT_WEBHOOK: `${people.url}/hook`, ALERT_WEBHOOK_SECRET: secret, ...vars };
  const open = () => new Alerts({ sql: ledger.sql, env, views, enforcement: () => ledger.enforcement });
  let alerts = open();
  ledger.watch = alerts.watch;
  const { clock } = scene;
  ledger.sql.all('UPDATE ledger SET recovered_at = 0');
  ledger.hold('203.0.113.7', clock.now + week);
  /** The alarm rings as often as it asks to, for so long. */
  const pass = async (seconds: number) => {
    for (const end = clock.now + seconds; clock.now < end; ) await ledger.work();
  };
  /** The same, of the watch alone. */
  const watch = async (seconds: number) => {
    const end = clock.now + seconds;
    for (let due = clock.now; due <= end; due = Math.max(due + 1, alerts.watch.due())) {
      clock.now = due;
      await alerts.watch.run(due);
    }
    clock.now = end;
  };
  await pass(60);
  return {
    scene,
    ledger,
    people,
    clock,
    live,
    kv,
    pass,
    watch,
    get alerts() {
      return alerts;
    },
    /** As after an eviction: what is in memory is gone. */
    forget: () => {
      ledger.forget();
      alerts = open();
      ledger.watch = alerts.watch;
    },
    unsettle: (error: Error | null) => {
      trouble = error;
    },
  };
}
