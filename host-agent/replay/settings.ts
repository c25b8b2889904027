/** The jails to be replayed: as configured, with what `--jail` and `--set` change written over them. */
import type { Finding } from '../../shared/config/finding.ts';
import type { ConfigFiles } from '../../shared/config/read-order.ts';
import type { AgentPlan } from '../agent/parts.ts';
import type { JailPlan } from '../agent/plan.ts';
import { readConfiguration } from '../daemon/configuration.ts';
import { configurationPorts } from '../daemon/kit.ts';
import { type ReplayOptions, type Setting, usage } from './options.ts';

export interface Configured {
  readonly jails: readonly JailPlan[];
  readonly guard: AgentPlan['guard'];
  /** fail2ban's dbpurgeage: how long an id is known. */
  readonly remembered_s: number;
  readonly socket: string;
  readonly findings: readonly Finding[];
}

/** Behind all files of an administrator: the last word counts. */
const ownFile = '~~replay.local';

/** Reads the configuration with `settings` over it. Throws ERR_USAGE for jails and options that there are not. */
export function readSettings(options: ReplayOptions, settings: readonly Setting[]): Configured {
  const { configDir, jails } = options;
  const plain = read(configDir, jails.map(enabled).join(''));
  const names = chosen(plain, jails);
  const all = { ...plain, jails: plain.jails.filter(({ name }) => names.includes(name)) };
  if (settings.length === 0) return all;
  const strange = settings.find(({ jail }) => jail !== null && !names.includes(jail));
  if (strange !== undefined) throw usage(`--set ${strange.jail}:${strange.option}: no such jail is replayed`);
  const changed = read(configDir, names.map((name) => sectionOf(name, settings)).join(''));
  refuseNew(changed.findings, plain.findings);
  return { ...changed, jails: changed.jails.filter(({ name }) => names.includes(name)) };
}

function enabled(name: string): string {
  return `[${name}]\nenabled = true\n`;
}

function sectionOf(name: string, settings: readonly Setting[]): string {
  const own = settings.filter(({ jail }) => jail === null || jail === name);
  return enabled(name) + own.map(({ option, value }) => `${option} = ${value}\n`).join('');
}

function chosen({ jails, findings }: Configured, asked: readonly string[]): string[] {
  const there = jails.filter(({ filter }) => filter !== null).map(({ name }) => name);
  const missing = asked.find((name) => !there.includes(name));
  if (missing !== undefined) {
    const why = findings.find(({ jail, severity }) => jail === missing && severity === 'error')?.message;
    throw usage(`the jail ${missing} cannot be replayed: ${why ?? 'it has no filter'}`);
  }
  if (there.length === 0) throw usage('no jail with a filter is enabled: name one with --jail');
  return asked.length > 0 ? [...asked] : there;
}

/** What was not said of the configuration as it is, is the fault of a `--set`. */
function refuseNew(findings: readonly Finding[], known: readonly Finding[]): void {
  const said = new Set(known.map(wordOf));
  const wrong = findings.find((finding) => finding.severity !== 'notice' && !said.has(wordOf(finding)));
  if (wrong !== undefined) throw usage(`--set: ${wrong.message}${wrong.remedy === null ? '' : `; ${wrong.remedy}`}`);
}

function wordOf({ code, message, jail }: Finding): string {
  return `${code} ${jail ?? ''} ${message}`;
}

function read(dir: string, text: string): Configured {
  const ports = configurationPorts();
  const files = text === '' ? ports.files : withFile(ports.files, `${dir}/jail.d`, text);
  const { server, plan, findings } = readConfiguration(dir, false, { ...ports, files });
  return { jails: plan.jails, guard: plan.guard, remembered_s: plan.dbpurgeage, socket: server.socket, findings };
}

function withFile(files: ConfigFiles, folder: string, text: string): ConfigFiles {
  return {
    read: (path) => (path === `${folder}/${ownFile}` ? text : files.read(path)),
    list: (dir) => (dir === folder ? [...files.list(dir), ownFile] : files.list(dir)),
  };
}
