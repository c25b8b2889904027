/** Actions for tests, read from action.d as a jail `web` would have them, and bans for them. */
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';
import { diskFiles } from '../../host-agent/system/config-files.ts';
import type { ActionConf } from '../../shared/config/action-conf.ts';
import { readJails } from '../../shared/config/jail-conf.ts';
import type { Ban } from '../../shared/ticket.ts';
import { untilOf } from '../../shared/time.ts';

export const shippedActions = new URL('../../host-agent/etc/action.d/', import.meta.url).pathname;

/** `asked` is what stands behind `action =`; `files` are more files of action.d, by name. */
export function actionConf(asked: string, actions = shippedActions, files: Record<string, string> = {}): ActionConf {
  const dir = mkdtempSync(join(tmpdir(), 'edgeban-action-'));
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }));
  mkdirSync(join(dir, 'action.d'));
  cpSync(actions, join(dir, 'action.d'), { recursive: true });
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, 'action.d', name), text);
  const jail = `[web]\nenabled = true\nfailregex = ^fail <HOST>$\nlogpath = /nowhere\nbackend = polling\naction = ${asked}\n`;
  writeFileSync(join(dir, 'jail.conf'), jail);
  const { jails, findings } = readJails(diskFiles, dir, () => 0);
  const [action] = jails[0]?.actions ?? [];
  if (action === undefined) throw new Error(findings.map(({ message }) => message).join('; ') || 'no action');
  return action;
}

export function banOf(id: string, its: Partial<Ban> = {}): Ban {
  const [at, bantime] = [its.at ?? 1_700_000_000, its.bantime ?? 600];
  const ip = /^[0-9a-f.:/]+$/.test(id) ? id : null;
  const until = untilOf(at, bantime);
  return { jail: 'web', id, ip, at, bantime, until, count: 1, failures: 3, matches: [], groups: {}, ...its };
}
