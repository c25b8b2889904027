/** What may be said to the nftables action: every parameter is one that it heeds, or it is refused by name. */
import { EdgebanError } from '../../shared/errors.ts';
import { show } from './nft-script.ts';

/** The action's parameters with all tags and %()s filled in; `key?family=inet6` is fail2ban's form for IPv6. */
export type Parameters = Readonly<Record<string, string | undefined>>;

/** Of an action's file and of the jail. */
export interface Commands {
  readonly commands: Readonly<Record<string, string>>;
  readonly startOnDemand: boolean | null;
  readonly repairOnUnban: boolean | null;
  readonly norestored: boolean;
}

const heeded: ReadonlySet<string> = new Set([
  ...['name', 'actname', 'type', 'port', 'protocol', 'blocktype', 'blocktype?family=inet6', 'nftables'],
  ...['table', 'table_family', 'chain', 'chain_type', 'chain_hook', 'chain_priority'],
  ...['addr_set', 'addr_set?family=inet6', 'addr_net', 'addr_net?family=inet6'],
  ...['rule_match-custom', 'rule_match-allports', 'rule_match-multiport', 'match', 'rule_stat'],
  // of 1.1.1, for protocol = all
  ...['rule_match-allprotos-custom', 'rule_match-allprotos-allports', 'rule_match-allprotos-multiport'],
  ...['match_allprotos', 'rule_stat_allprotos'],
  ...['kill-mode', 'addr_type', 'addr_type?family=inet6', 'addr_family', 'addr_family?family=inet6', 'addr_options'],
  // older jail.conf files hand it to each banaction; the end of a ban comes with the ban
  'bantime',
]);

/** fail2ban's, for commands: there are none here. */
const withoutMeaning: ReadonlySet<string> = new Set([
  ...['timeout', 'actionstart_on_demand', 'actionrepair_on_unban', 'norestored', 'lockingopt', 'returntype'],
  ...['addr_options?family=inet6', 'nftables_mode', 'nftables_type', 'nftables_family', 'nftables_table', 'set_prefix'],
]);

/** Throws ERR_ACTION_PARAMETER, with the parameter's name. */
export function checkParameters(parameters: Parameters): void {
  for (const key of Object.keys(parameters)) {
    // fail2ban's stock file is made of such pieces of shell
    if (heeded.has(key) || key.startsWith('_nft_')) continue;
    throw withoutMeaning.has(key) ? meaningless(key) : unknown(key, parameters[key] ?? '');
  }
  refuseForeignTypes(parameters);
  refuseForeignRule(parameters);
}

/**
 * Does `kill-mode` (a word of fail2ban's ufw action; its nftables has none) ask for conntrack? `ss` would end sockets of this host
 * only, from which the rules keep each packet already. Throws ERR_ACTION_PARAMETER for what else it may say.
 */
export function killsConnections(parameters: Parameters): boolean {
  const mode = (parameters['kill-mode'] ?? '').trim();
  if (mode === '' || mode === 'conntrack') return mode !== '';
  throw new EdgebanError('ERR_ACTION_PARAMETER', `kill-mode = ${show(mode)} is not supported`, {
    remedy:
      'leave it out: the rules refuse the packets of open connections, too; kill-mode=conntrack also takes them out of the table of connections',
  });
}

/**
 * Throws ERR_ACTION_PARAMETER where a command is not that of fail2ban's stock file, or a flag asks for other than what is done
 * anyway: the rules stand from the start, and are repaired at an unban, too.
 */
export function checkCommands({ commands, ...flags }: Commands): void {
  if (flags.startOnDemand === true) throw meaningless('actionstart_on_demand');
  if (flags.repairOnUnban === false) throw meaningless('actionrepair_on_unban');
  if (flags.norestored) throw meaningless('norestored');
  for (const [name, text] of Object.entries(commands)) {
    if (text.trim() === '' || stockCommands[name]?.test(text.replace(/\s+/g, ' ').trim()) === true) continue;
    throw new EdgebanError('ERR_ACTION_PARAMETER', `${name}: edgeban does this by itself and runs no such command`, {
      remedy: 'leave it out, or give your own action another name: cp nftables.conf my-nftables.conf',
    });
  }
}

/** What a command of fail2ban's looks like, whatever its parameters are: enough to tell one that somebody has written. */
const stockCommands: Readonly<Record<string, RegExp>> = {
  actionstart: /^\S+ add table \S+ \S+ \S+ -- add chain [^\n]+ add set /,
  actionstop: /^\{ .* delete set .* delete table \S+ \S+ \}$/,
  actionflush: /^\{ \S+ flush set .*\}$/,
  actioncheck: /^\S+ list chain \S+ \S+ \S+ \| grep -q '@[^']*'$/,
  actionban: /^\S+ add element \S+ \S+ \S+ \\?\{ <ip> \\?\}$/,
  actionunban: /^\S+ delete element \S+ \S+ \S+ \\?\{ <ip> \\?\}$/,
};

function unknown(key: string, value: string): EdgebanError {
  const base = key.replace(/\?.*$/, '');
  const remedy =
    base !== key && heeded.has(base)
      ? `leave it out: ${base} is the same for both families`
      : 'leave it out, or see nftables.conf for the parameters that there are';
  return new EdgebanError('ERR_ACTION_PARAMETER', `${key} = ${show(value)}: the nftables action has no ${key}`, {
    remedy,
  });
}

function meaningless(key: string): EdgebanError {
  return new EdgebanError('ERR_ACTION_PARAMETER', `${key} has no meaning for the nftables action of edgeban`, {
    remedy: 'leave it out: it is for the commands of fail2ban, and here are none',
  });
}

/** The stock values of what fail2ban lets one change, but what follows from the sets here. */
function refuseForeignTypes(parameters: Parameters): void {
  const stock: Record<string, RegExp> = {
    addr_type: /^ipv4_addr$/,
    'addr_type?family=inet6': /^ipv6_addr$/,
    addr_family: /^ip$/,
    'addr_family?family=inet6': /^ip6$/,
    // 1.1.1: `<sp>flags interval;`. The network sets have it, and all have timeout.
    addr_options: /^(flags\s+(interval|timeout)(\s*,\s*(interval|timeout))*\s*;?)?$/,
  };
  for (const [key, allowed] of Object.entries(stock)) {
    const value = parameters[key]?.replaceAll('\\', '').replaceAll('<sp>', ' ').trim();
    if (value === undefined || allowed.test(value)) continue;
    throw new EdgebanError('ERR_ACTION_PARAMETER', `${key} = ${show(value)} is not supported`, {
      remedy: 'leave it out: edgeban chooses the type of its sets itself',
    });
  }
}

/** `rule_stat` and `match` as they follow from the other parameters; a rule of one's own is written otherwise. */
function refuseForeignRule(parameters: Parameters): void {
  const words = (key: string) => (parameters[key] ?? '').replace(/\s+/g, ' ').trim();
  const type = words('type') || 'multiport';
  const rest = [words('addr_family'), 'saddr', `@${words('addr_set')}`, words('blocktype')];
  const rule = (match: string) => [words(match), ...rest].filter((word) => word !== '').join(' ');
  const follows = {
    ...{ match: words(`rule_match-${type}`), match_allprotos: words(`rule_match-allprotos-${type}`) },
    ...{ rule_stat: rule('match'), rule_stat_allprotos: rule('match_allprotos') },
  };
  for (const [key, text] of Object.entries(follows)) {
    if (parameters[key] === undefined || words(key) === text) continue;
    throw new EdgebanError('ERR_ACTION_PARAMETER', `${key} = ${show(words(key))} is not supported`, {
      remedy:
        'write what comes before the address as rule_match-custom (with type = custom), what comes after as blocktype',
    });
  }
}
