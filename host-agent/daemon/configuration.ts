/** From fail2ban's language to what the agent runs: each jail's plan, and all that is wrong, with its place. */
import type { ActionConf } from '../../shared/config/action-conf.ts';
import { tagsIn } from '../../shared/config/dynamic-tags.ts';
import type { FilterConf as WrittenFilter } from '../../shared/config/filter-conf.ts';
import { configError, type Finding, findingOf, mildFinding } from '../../shared/config/finding.ts';
import { type JailConf, type PenaltyConf, readJails } from '../../shared/config/jail-conf.ts';
import { type Planes, planesFor } from '../../shared/config/planes.ts';
import type { ConfigFiles } from '../../shared/config/read-order.ts';
import { readServerConf, type ServerConf } from '../../shared/config/server-conf.ts';
import { EdgebanError } from '../../shared/errors.ts';
import { createFilter, type FilterConf, type FilterPorts } from '../../shared/filter/filter.ts';
import type { Re2 } from '../../shared/filter/regex/pattern.ts';
import type { UnixTime } from '../../shared/time.ts';
import { asciiText, decoderFor } from '../agent/decoder.ts';
import type { AgentPlan } from '../agent/parts.ts';
import { bareJail, edgeJail, edgeRules, type JailPlan } from '../agent/plan.ts';
import { localZone } from '../agent/ports.ts';
import { journalArguments, matchArguments, matchLine } from '../sources/journalmatch.ts';

export interface ConfigurationPorts {
  readonly files: ConfigFiles;
  readonly re2: Re2;
  /** Throws what is wrong with an action's parameters or commands. */
  checkAction(action: ActionConf): void;
  random(): number;
  now(): UnixTime;
}

export interface Configuration {
  readonly server: ServerConf;
  readonly plan: AgentPlan;
  /** Errors have taken out what they name. */
  readonly findings: readonly Finding[];
}

/** Reads the folder `dir`. Throws nothing of the operator's world. `withEdge`: with the jail for other hosts' bans. */
export function readConfiguration(dir: string, withEdge: boolean, ports: ConfigurationPorts): Configuration {
  const { server, findings: serverFindings } = readServerConf(ports.files, dir);
  const { jails, leftOut: broken, findings } = readJails(ports.files, dir, () => ports.random());
  const all: Finding[] = [...serverFindings, ...findings];
  const plans: JailPlan[] = [];
  const unfit: PenaltyConf[] = [...broken];
  for (const jail of jails) {
    const plan = checked(jail, { withEdge, prefix6: server.guard.prefix6 }, ports, all);
    if (plan === null) unfit.push(jail);
    else plans.push(plan);
  }
  const leftOut = leftOutBy(all.slice(serverFindings.length));
  // a jail of this name would be in the way of edgeban's own
  const held = unfit.filter(({ name }) => !withEdge || name !== edgeJail);
  const holding = heldPlans(held, withEdge, ports);
  if (withEdge) plans.push(edgePlan);
  const { private: isPrivate, prefix4, prefix6, allowed, admins } = server.guard;
  const guard = { private: isPrivate, prefix4, prefix6, allowed, admins };
  return { server, plan: { jails: plans, guard, dbpurgeage: server.dbpurgeage, leftOut, holding }, findings: all };
}

/** Those of the jails whose actions all work: nothing is read for them. */
function heldPlans(jails: readonly PenaltyConf[], withEdge: boolean, { checkAction }: ConfigurationPorts): JailPlan[] {
  return jails.flatMap((jail) => {
    const { planes } = planesFor(jail.planes, withEdge);
    const plan = { ...bareJail, ...enforcementOf(jail, planes) };
    const isUsable = plan.actions.length > 0 && plan.actions.every((action) => passes(() => checkAction(action)));
    return isUsable ? [plan] : [];
  });
}

function passes(check: () => void): boolean {
  try {
    check();
    return true;
  } catch (error) {
    if (!(error instanceof EdgebanError)) throw error;
    return false;
  }
}

/** Null: an error that belongs to no jail may have taken out any. */
function leftOutBy(findings: readonly Finding[]): string[] | null {
  const errors = findings.filter(({ severity }) => severity === 'error');
  const jails = errors.flatMap(({ jail }) => jail ?? []);
  return jails.length === errors.length ? [...new Set(jails)] : null;
}

/** The plan of a jail that would run; null, and findings, for one that would not. */
function checked(
  jail: JailConf,
  { withEdge, prefix6 }: { readonly withEdge: boolean; readonly prefix6: number },
  ports: ConfigurationPorts,
  findings: Finding[],
): JailPlan | null {
  const before = findings.length;
  const attempt = <T>(make: () => T): T | null => {
    try {
      return make();
    } catch (error) {
      findings.push(findingOf(error, jail.name));
      return null;
    }
  };
  attempt(() => refuseUnsupported(jail, withEdge));
  attempt(() => refuseWide(jail, prefix6));
  for (const action of jail.actions) attempt(() => located(action, () => ports.checkAction(action)));
  attempt(() => checkJournal(jail));
  const { planes, finding } = planesFor(jail.planes, withEdge);
  const plan = attempt(() => planOf(jail, planes));
  if (plan?.filter != null) attempt(() => createFilter(filterOf(plan), probePorts(plan, ports.re2), ports.now()));
  if (findings.length > before) return null;
  const lonely = withEdge ? null : jail.lonelyFleet;
  findings.push(...missingFiles(jail, ports.files), ...[finding, lonely].filter((each) => each !== null));
  return plan;
}

/** What a failure that is not counted yet does not know. */
const historyTags = /^(?:ipmatches|ipjailmatches|ipfailures|ipjailfailures|raw-ticket|jail\..*)$/;

function refuseUnsupported(jail: JailConf, withEdge: boolean): void {
  const place = { file: jail.file, line: jail.line };
  if (withEdge && jail.name === edgeJail) {
    const remedy = 'give the jail another name';
    throw configError('ERR_CONFIG_JAIL', `the jail ${edgeJail} is edgeban's own on an enrolled host`, place, remedy);
  }
  const used = tagsIn(`${jail.ignorecommand ?? ''}${jail.ignorecache?.key ?? ''}`);
  const missing = used.find((tag) => historyTags.test(tag));
  if (missing !== undefined) {
    const message = `ignorecommand, ignorecache: the tag <${missing}> is not supported`;
    throw configError('ERR_CONFIG_UNSUPPORTED', message, place, 'use <ip>, <F-USER>, <matches>, …');
  }
}

/** What the guard would refuse each time it came up. */
function refuseWide(jail: JailConf, prefix6: number): void {
  if (jail.ipv6prefix >= prefix6) return;
  const message = `ipv6prefix = ${jail.ipv6prefix}: wider than the /${prefix6} that may be banned`;
  const remedy = `write ${prefix6} or more, or lower prefix6 in [Guard]`;
  throw configError('ERR_CONFIG_VALUE', message, { file: jail.file, line: jail.line }, remedy);
}

/** A file of ignoreip that is not there may come; that it lets nobody off till then should be known. */
function missingFiles(jail: JailConf, files: ConfigFiles): Finding[] {
  return jail.ignoreip.flatMap((entry) => {
    if (entry.kind !== 'file' || isReadable(files, entry.path)) return [];
    const error = configError(
      'ERR_CONFIG_MISSING',
      `ignoreip: ${entry.text} cannot be read: it lets nobody off`,
      entry.origin,
      'make the file; it is read as soon as it is there',
    );
    return [mildFinding('warning', error, jail.name)];
  });
}

function isReadable(files: ConfigFiles, path: string): boolean {
  try {
    return files.read(path) !== null;
  } catch (error) {
    if (!(error instanceof EdgebanError)) throw error;
    return false;
  }
}

/** What journalctl cannot be asked for. */
function checkJournal(jail: JailConf): void {
  if (jail.backend.name !== 'systemd') return;
  placed(jail, '', () => journalArguments(jail.backend.options));
  for (const match of jail.filter.journalmatch) placed(match, '', () => matchArguments([matchLine(match.terms)]));
}

/** An error of an action's parameters, at the place where the jail names the action. */
function located<T>(action: ActionConf, make: () => T): T {
  return placed(action.origin, `action ${action.name}: `, make);
}

/** What is thrown without a place is thrown with this one. */
function placed<T>({ file, line }: { file: string; line: number }, prefix: string, make: () => T): T {
  try {
    return make();
  } catch (error) {
    if (!(error instanceof EdgebanError) || error.file !== undefined) throw error;
    const { code, message, remedy } = error;
    throw new EdgebanError(code, prefix + message, { file, line, ...(remedy === undefined ? {} : { remedy }) });
  }
}

function planOf(jail: JailConf, planes: Planes): JailPlan {
  return {
    ...enforcementOf(jail, planes),
    bantimeExtra: jail.bantimeExtra,
    ignoreip: jail.ignoreip,
    ignorecommand: jail.ignorecommand,
    ignorecache: jail.ignorecache,
    filter: jail.filter.failregex.length === 0 ? null : writtenFilter(jail),
    logencoding: jail.logencoding,
    logpath: jail.logpath.map(({ glob, from }) => ({ path: glob, tail: from === 'tail' })),
    journalmatch: jail.filter.journalmatch.map(({ terms }) => matchLine(terms)),
    journalOptions: jail.backend.options,
    fleet: jail.fleet,
  };
}

/** How a jail bans, and where. */
function enforcementOf(jail: PenaltyConf, planes: Planes) {
  const { name, backend, maxretry, findtime, bantime, maxmatches, increment, ignoreself, sliding } = jail;
  return {
    name,
    backend: backend.name,
    rules: { maxretry, findtime, bantime, maxmatches, increment, ignoreself, sliding, prefix6: jail.ipv6prefix },
    // bans for the edge alone leave nothing in the firewall
    actions: planes.own ? jail.actions : [],
    spareActions: planes.own ? [] : jail.actions,
    planes,
  };
}

function writtenFilter(jail: JailConf): FilterConf {
  const filter: WrittenFilter = jail.filter;
  return {
    failregex: filter.failregex,
    ignoreregex: filter.ignoreregex,
    prefregex: filter.prefregex,
    maxlines: filter.maxlines,
    datepattern: filter.datepattern?.regex ?? null,
    logtimezone: jail.logtimezone,
    usedns: filter.usedns,
    findtime: jail.findtime,
  };
}

function filterOf(plan: JailPlan): FilterConf {
  if (plan.filter === null) throw new Error(`the jail ${plan.name} has no filter`);
  return plan.filter;
}

/** Enough to compile a filter with. */
function probePorts(plan: JailPlan, re2: Re2): FilterPorts {
  return { re2, zone: localZone, decode: decoderFor(plan), ascii: asciiText, resolve: () => [] };
}

/** The jail for what other hosts have banned: every port is shut. */
const edgePlan: JailPlan = {
  name: edgeJail,
  rules: edgeRules,
  // whom any other jail spares is spared here, too: the roster knows
  ...bareJail,
  backend: 'feed',
  actions: [
    {
      name: 'nftables',
      file: 'nftables',
      commands: {},
      parameters: { name: edgeJail, type: 'allports', actname: 'nftables' },
      startOnDemand: null,
      repairOnUnban: null,
      norestored: false,
      origin: { file: '', line: 0 },
    },
  ],
};
