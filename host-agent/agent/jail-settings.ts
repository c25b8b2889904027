/** What `get JAIL …` shows of a jail. */
import { isSingle } from '../../shared/address.ts';
import { bantimeOptions, bantimeValue } from '../../shared/config/bantime-extra.ts';
import type { IgnoreConf } from '../../shared/config/jail-values.ts';
import type { Engine } from '../../shared/engine/engine.ts';
import type { FilterConf } from '../../shared/filter/filter.ts';
import { expandTags } from '../../shared/filter/tags.ts';
import type { JailSettings } from '../control/agent-control.ts';
import type { Jail } from './jail.ts';
import { matchesIn } from './jail-alteration.ts';

/** `files`: those that it reads now. */
export function settingsOf(jail: Jail, engine: Engine, files: readonly string[]): JailSettings {
  const { plan } = jail;
  const { maxretry, findtime, bantime, maxmatches, ignoreself } = engine.rules(jail.name);
  return {
    backend: plan.backend,
    idle: jail.idle,
    planes: plan.planes,
    standsIn: plan.spareActions.length > 0 && plan.actions.length > 0,
    maxretry,
    findtime,
    bantime,
    maxmatches,
    ignoreself,
    bantimeExtra: Object.fromEntries(bantimeOptions.map((name) => [name, bantimeValue(plan.bantimeExtra, name)])),
    ignorecommand: plan.ignorecommand ?? '',
    ignorecache: plan.ignorecache,
    logencoding: plan.logencoding,
    ignoreip: shownIgnoreip(jail.ignoreip),
    logpath: jail.idle ? plan.logpath.map(({ path }) => path) : files,
    journalmatch: plan.backend === 'systemd' ? plan.journalmatch.flatMap(matchesIn) : [],
    ...filterSettings(plan.filter),
    datepattern: datepatternOf(jail),
    actions: plan.actions.map(({ name }) => name),
  };
}

type FilterSettings = Pick<
  JailSettings,
  'usedns' | 'maxlines' | 'logtimezone' | 'prefregex' | 'failregex' | 'ignoreregex'
>;

function filterSettings(filter: FilterConf | null): FilterSettings {
  const usedns = filter?.usedns ?? 'warn';
  const expanded = ({ regex }: { readonly regex: string }) => expandTags(regex, usedns !== 'no');
  const prefregex = filter?.prefregex ?? null;
  return {
    usedns,
    maxlines: filter?.maxlines ?? 1,
    logtimezone: filter?.logtimezone ?? null,
    prefregex: prefregex === null ? '' : expanded(prefregex),
    failregex: filter?.failregex.map(expanded) ?? [],
    ignoreregex: filter?.ignoreregex.map(expanded) ?? [],
  };
}

/** A sole pattern by its name; more than two are fail2ban's default list to its clients. */
function datepatternOf({ plan, filter }: Jail): JailSettings['datepattern'] {
  if (plan.backend === 'systemd') return null;
  const templates = filter?.templates ?? [];
  const [first] = templates;
  if (first === undefined || templates.length > 2) return { pattern: null, name: 'Default Detectors' };
  return { pattern: first.source, name: first.name };
}

/** In fail2ban's order: networks and names, then single addresses. */
function shownIgnoreip(ignoreip: readonly IgnoreConf[]): string[] {
  const isAddress = (entry: IgnoreConf) => entry.kind === 'network' && isSingle(entry.prefix);
  return [...ignoreip.filter((entry) => !isAddress(entry)), ...ignoreip.filter(isAddress)].map(({ text }) => text);
}
