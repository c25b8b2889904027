/** Programs that a jail's actions run and that are not installed: told before the first ban fails for it. */
import { type ActionConf, familyCommand, isNftables } from '../../shared/config/action-conf.ts';
import { configError, type Finding, mildFinding } from '../../shared/config/finding.ts';
import type { JailPlan } from '../agent/plan.ts';
import { findProgram } from '../system/programs.ts';

/** Programs of firewalls, and Debian's packages with them. Others may be functions, or be asked for by the command itself. */
const packages: Readonly<Record<string, string>> = {
  nft: 'nftables',
  iptables: 'iptables',
  ip6tables: 'iptables',
  ipset: 'ipset',
  ufw: 'ufw',
  'firewall-cmd': 'firewalld',
  ip: 'iproute2',
};

/** A warning for each program that an action of these jails cannot do without, with the action's place. */
export function programFindings(jails: readonly JailPlan[], isThere = isInstalled): Finding[] {
  const known = new Map<string, boolean>();
  const isMissing = (program: string) => {
    const there = known.get(program) ?? isThere(program);
    known.set(program, there);
    return !there;
  };
  return jails.flatMap(({ name, actions }) =>
    actions.flatMap((action) =>
      programsOf(action)
        .filter(isMissing)
        .map((program) => missing(action, program, name)),
    ),
  );
}

const isInstalled = (program: string) => findProgram(program) !== null;

function missing(action: ActionConf, program: string, jail: string): Finding {
  const message = `action ${action.name}: ${program} is not installed: no ban of it will be in force`;
  const remedy = `apt install ${packages[program]}, or choose another banaction`;
  // the jail for other hosts' bans stands in no file
  const origin = action.origin.file === '' ? null : action.origin;
  return mildFinding('warning', configError('ERR_ACTION_PROGRAM', message, origin, remedy), jail);
}

/** What a start and a ban of an IPv4 address begin a command with. */
function programsOf(action: ActionConf): string[] {
  const { commands } = action;
  // edgeban's own has no commands
  if (isNftables(action) && commands['actionban'] === undefined) return ['nft'];
  const texts = ['actionstart', 'actionban'].map((step) => familyCommand(action, step, 'inet4') ?? '');
  return [...new Set(texts.flatMap(firstWords))].filter((word) => Object.hasOwn(packages, word));
}

/** The words at which a simple command begins; none of a text that looks itself what is there. */
function firstWords(text: string): string[] {
  const commands = text.split(/[\n;&|({`]+/);
  const words = commands.map(
    (command) => /^(?:(?:then|do|else|if|elif|while|until|!)\s|\s)*(\S*)/.exec(command)?.[1] ?? '',
  );
  return ['command', 'which', 'type', 'hash'].some((word) => words.includes(word)) ? [] : words;
}
