/** Reads the parameters of fail2ban's nftables action (names and defaults are fail2ban's) into what has to be made. */
import { createHash } from 'node:crypto';
import { EdgebanError } from '../../shared/errors.ts';
import { nameOf, type SetRef, show } from './nft-script.ts';
import { checkParameters, type Parameters } from './nftables-parameters.ts';

/** One of up to four sets: per family one for single addresses (hash) and one for networks (interval). */
export interface PlannedSet extends SetRef {
  readonly version: 4 | 6;
  readonly networks: boolean;
}

export interface PlannedRule {
  readonly set: PlannedSet;
  /** As nft takes it, without the comment. */
  readonly text: string;
  /** By which the rule is known again; it changes when the text does. */
  readonly comment: string;
}

export interface Plan {
  readonly family: string;
  readonly table: string;
  readonly chain: string;
  /** `type filter hook input priority filter - 1;` */
  readonly chainSpec: string;
  readonly sets: readonly PlannedSet[];
  readonly rules: readonly PlannedRule[];
  /** Begins the comment of each rule of this jail. */
  readonly mark: string;
}

const RULE_TEXT_MAX = 1_000;
/** A rule's comment has 128 bytes. */
const OWNER_MAX = 50;
/** Where an import keeps fail2ban's bans meanwhile: its own affair. */
export const importTable = 'edgeban_import';

/**
 * Throws ERR_ACTION_PARAMETER, with the parameter's name, for all that cannot be done. `jail` stands in the rules' comments
 * where it is not the action's `name`.
 */
export function planOf(parameters: Parameters, jail?: string): Plan {
  checkParameters(parameters);
  const get = (key: string, otherwise: string) => (parameters[key] ?? otherwise).trim();
  const family = oneOf('table_family', get('table_family', 'inet'), ['inet', 'ip', 'ip6']);
  const place = {
    family,
    table: nameOf('table', get('table', 'f2b-table')),
    chain: nameOf('chain', get('chain', 'f2b-chain')),
  };
  const sets = setsOf(parameters, place);
  const name = jailOf(get('name', 'default'));
  const mark = `edgeban ${name} `;
  const owner = ownerWord(jail ?? name);
  const matches = matchesOf(parameters);
  const blocks = blocksOf(parameters);
  const rules = sets.flatMap((set) =>
    matches.map((match) => ruleOf(set, match, blocks[set.version], { mark, end: owner === name ? '' : ` ${owner}` })),
  );
  return { ...place, chainSpec: chainSpecOf(get), sets, rules, mark };
}

function setsOf(parameters: Parameters, place: { family: string; table: string }): PlannedSet[] {
  const name = jailOf((parameters['name'] ?? 'default').trim());
  const single4 = parameters['addr_set'] ?? `addr-set-${name}`;
  const single6 = parameters['addr_set?family=inet6'] ?? `addr6-set-${name}`;
  const all = [
    { version: 4, networks: false, parameter: 'addr_set', value: single4 },
    { version: 4, networks: true, parameter: 'addr_net', value: parameters['addr_net'] ?? `addr-net-${name}` },
    { version: 6, networks: false, parameter: 'addr_set?family=inet6', value: single6 },
    { version: 6, networks: true, parameter: 'addr_net?family=inet6', value: `addr6-net-${name}` },
  ] as const;
  const other = { inet: null, ip: 6, ip6: 4 }[place.family];
  return all
    .filter((set) => set.version !== other)
    .map(({ version, networks, parameter, value }) => {
      return { family: place.family, table: place.table, set: nameOf(parameter, value.trim()), version, networks };
    });
}

/** The jail's name goes into set names and comments. */
function jailOf(name: string): string {
  if (/^[A-Za-z0-9_.-]{1,50}$/.test(name)) return name;
  const remedy = 'use 1 to 50 letters, digits, _ . -';
  throw new EdgebanError('ERR_ACTION_PARAMETER', `name = ${show(name)} cannot name an nftables set`, { remedy });
}

/** A jail as the comments of rules name it. */
export function ownerWord(jail: string): string {
  return jail.replace(/[^A-Za-z0-9_.-]/g, '_').slice(0, OWNER_MAX);
}

/** The jail (as ownerWord writes it) whose rule has this comment; null: it is none of ours. */
export function ownerOf(comment: string): string | null {
  const [, name, owner] = /^edgeban ([\w.-]{1,50}) [0-9a-f]{16}(?: ([\w.-]{1,50}))?$/.exec(comment) ?? [];
  return owner ?? name ?? null;
}

function blocksOf(parameters: Parameters): Readonly<Record<4 | 6, string>> {
  const block = (key: string, otherwise: string) =>
    ruleText(key, inSmallLetters(key, (parameters[key] ?? otherwise).trim()));
  const four = block('blocktype', 'reject');
  return { 4: four, 6: block('blocktype?family=inet6', four) };
}

/** iptables' targets are no words of nft's, which would say so only when the jail starts. */
function inSmallLetters(key: string, value: string): string {
  if (!/^[A-Z]+\b/.test(value)) return value;
  const message = `${key} = ${show(value)} is a target of iptables`;
  throw new EdgebanError('ERR_ACTION_PARAMETER', message, { remedy: `nft knows it as ${value.toLowerCase()}` });
}

function chainSpecOf(get: (key: string, otherwise: string) => string): string {
  const type = oneOf('chain_type', get('chain_type', 'filter'), ['filter', 'nat', 'route']);
  const hooks = ['prerouting', 'input', 'forward', 'output', 'postrouting'];
  const hook = oneOf('chain_hook', get('chain_hook', 'input'), hooks);
  const priority = get('chain_priority', 'filter - 1');
  if (!/^(-?\d{1,9}|[a-z]{1,16}( ?[+-] ?\d{1,9})?)$/.test(priority)) {
    const remedy = 'use a number, or a name as in "filter - 1"';
    throw new EdgebanError('ERR_ACTION_PARAMETER', `chain_priority = ${show(priority)} is no priority`, { remedy });
  }
  return `type ${type} hook ${hook} priority ${priority};`;
}

/** What comes before the address in each rule: one per protocol and type, as fail2ban's `type` says. */
function matchesOf(parameters: Parameters): readonly string[] {
  const type = oneOf('type', (parameters['type'] ?? 'multiport').trim(), ['multiport', 'allports', 'custom']);
  const protocols = words('protocol', parameters['protocol'] ?? 'tcp', /^[a-z0-9-]{1,16}$/);
  // since 1.1.1; before, nft would not take it
  const isAll = protocols.includes('all');
  const key = isAll ? `rule_match-allprotos-${type}` : `rule_match-${type}`;
  const own = parameters[key]?.trim();
  switch (type) {
    case 'custom':
      return [own === undefined || own === '' ? '' : ruleText(key, own)];
    case 'allports': {
      const usual = isAll ? '' : `meta l4proto { ${protocols.join(', ')} }`;
      return [own === undefined || own === '' ? usual : ruleText(key, own)];
    }
    case 'multiport':
      return portMatches(isAll ? ['th'] : protocols, parameters['port'] ?? 'ssh', { key, own });
  }
}

/** fail2ban's own rule_match-multiport is a piece of shell: it is known, and any other that needs a shell refused. */
function portMatches(
  protocols: readonly string[],
  port: string,
  { key, own }: { readonly key: string; readonly own: string | undefined },
): readonly string[] {
  const stock = own === undefined || /^(?:\$proto|th) dport \\?\{ \$\(echo '.*' \| sed s\/:\/-\/g\) \\?\}$/.test(own);
  if (!stock) return [ruleText(key, own)];
  const ports = words('port', port, /^[A-Za-z0-9_-]{1,32}$|^\d{1,5}[:-]\d{1,5}$/).map(portRange);
  return protocols.map((protocol) => `${protocol} dport { ${ports.join(', ')} }`);
}

function portRange(text: string): string {
  const numbers = /^(\d+)(?:[:-](\d+))?$/.exec(text);
  if (numbers === null) return text; // a service's name: nft looks it up
  const low = Number(numbers[1]);
  const high = Number(numbers[2] ?? numbers[1]);
  if (low <= high && high <= 65_535) return low === high ? `${low}` : `${low}-${high}`;
  const remedy = 'use 0 to 65535, low:high';
  throw new EdgebanError('ERR_ACTION_PARAMETER', `port = ${show(text)} is no port or range`, { remedy });
}

function ruleOf(
  set: PlannedSet,
  match: string,
  block: string,
  comment: { readonly mark: string; readonly end: string },
): PlannedRule {
  const saddr = `${set.version === 4 ? 'ip' : 'ip6'} saddr @${set.set}`;
  const text = [match, saddr, block].filter((part) => part !== '').join(' ');
  const digest = createHash('sha256').update(text).digest('hex').slice(0, 16);
  return { set, text, comment: `${comment.mark}${digest}${comment.end}` };
}

/** A piece of a rule in nft's own words. It cannot leave its rule: no ; no line end, no variable, braces in pairs. */
function ruleText(parameter: string, value: string): string {
  const text = value.replaceAll('\\', '');
  const bare = text.replace(/"[A-Za-z0-9_ .:/[\]-]*"/g, '');
  const closed = bare.replace(/\{[^{}]*\}/g, '');
  if (text !== '' && text.length <= RULE_TEXT_MAX && /^[A-Za-z0-9_ ,./:@!=<>&|()+-]*$/.test(closed) && inner(bare))
    return text;
  const remedy = 'use the words of one nft rule, without ; # $ or nested braces';
  throw new EdgebanError('ERR_ACTION_PARAMETER', `${parameter} = ${show(value)} cannot go into a rule`, { remedy });
}

function inner(bare: string): boolean {
  return [...bare.matchAll(/\{([^{}]*)\}/g)].every((braces) => /^[A-Za-z0-9_ ,./:-]*$/.test(braces[1] ?? ''));
}

function words(parameter: string, value: string, allowed: RegExp): readonly string[] {
  const list = value.split(/[\s,]+/).filter((word) => word !== '');
  const bad = list.find((word) => !allowed.test(word));
  if (list.length > 0 && list.length <= 256 && bad === undefined) return list;
  throw new EdgebanError('ERR_ACTION_PARAMETER', `${parameter} = ${show(bad ?? value)} cannot be used`, {
    remedy: `give ${parameter} as a list of names or numbers with commas between`,
  });
}

function oneOf<const T extends string>(parameter: string, value: string, allowed: readonly T[]): T {
  const found = allowed.find((one) => one === value);
  if (found !== undefined) return found;
  throw new EdgebanError('ERR_ACTION_PARAMETER', `${parameter} = ${show(value)} is not supported`, {
    remedy: `use one of ${allowed.join(', ')}`,
  });
}
