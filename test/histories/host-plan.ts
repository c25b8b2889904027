/** How the hosts of histories are set up: their jails, read as a daemon reads them, and what is the same for all of them. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import os, { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AgentPlan } from '../../host-agent/agent/parts.ts';
import { readConfiguration } from '../../host-agent/daemon/configuration.ts';
import { configurationPorts } from '../../host-agent/daemon/kit.ts';
import { Log } from '../../host-agent/log/log.ts';
import { parsePrefix } from '../../shared/address.ts';

/** Jails by where their bans are enforced: what the edge does, and whether other hosts block, too. */
export const jails = {
  sshd: { edge: 'block', hosts: true },
  web: { edge: 'challenge', hosts: true },
  proxied: { edge: 'block', hosts: false },
} as const;
export type JailName = keyof typeof jails;
export const jailNames = Object.keys(jails) as JailName[];
/** Not of the jail edge, in which the others' bans are. */
export function isOwnJail(jail: string): jail is JailName {
  return Object.hasOwn(jails, jail);
}

const configuration = String.raw`[DEFAULT]
enabled = true
backend = polling
logpath = DIR/log
findtime = 1h
datepattern = ^%%Y-%%m-%%d %%H:%%M:%%S%%z
ignoreself = false
action = nftables[type=allports]
[sshd]
failregex = ^\s*fail <IP4>$
maxretry = 3
bantime = 2h
fleet = true
[web]
maxretry = 2
bantime = 90m
edge = challenge
[proxied]
maxretry = 2
bantime = 100m
plane = edge
`;

// the machine's own addresses are none of these hosts', and asking for them takes long
os.networkInterfaces = () => ({});
syncBuiltinESMExports();

export const ports = configurationPorts();
/** A feed that is asked for seldom keeps histories short. */
export const polls = { wait_seconds_min: 40, wait_seconds_max: 160 };
/** The same for all hosts, read once. */
const plan: AgentPlan = readPlan();
/** HISTORY_LOG=file takes what all agents say. */
const { HISTORY_LOG: told } = process.env;
export const log = new Log(
  told === undefined ? { target: '/dev/null', level: 'CRITICAL' } : { target: told, level: 'DEBUG' },
);

/** Of a host that never bans these. */
export function planSparing(addresses: readonly string[]): AgentPlan {
  return { ...plan, guard: { ...plan.guard, allowed: addresses.flatMap((address) => parsePrefix(address) ?? []) } };
}

function readPlan(): AgentPlan {
  const folder = mkdtempSync(join(tmpdir(), 'edgeban-histories-'));
  process.on('exit', () => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'jail.conf'), configuration.replaceAll('DIR', folder));
  // it is looked for, and never read
  writeFileSync(join(folder, 'log'), '');
  mkdirSync(join(folder, 'action.d'));
  writeFileSync(join(folder, 'action.d/nftables.conf'), '[Definition]\n[Init]\n');
  const { plan: read, findings } = readConfiguration(folder, true, ports);
  const [wrong] = findings.filter(({ severity }) => severity === 'error');
  if (wrong !== undefined) throw new Error(wrong.message);
  return read;
}
