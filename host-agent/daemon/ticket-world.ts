/** What the daemon gives to actions that run commands: a shell, the log, names, and a place for notes. */
import { hostname } from 'node:os';
import type { Store } from '../../shared/store/store.ts';
import { listLimits } from '../actions/command-steps.ts';
import type { TicketWorld } from '../actions/ticket-action.ts';
import type { Log } from '../log/log.ts';
import type { Resolver } from '../system/dns.ts';
import { Shell, shellLimits } from '../system/shell.ts';
import { textOf } from '../system/text-file.ts';

export const commandShellLimits = {
  ...shellLimits,
  /** Each action runs one command at a time: so many actions may be busy. */
  at_once_max: 16,
  waiting_max: 2_000,
  output_chars_max: 2_000,
} as const;

const whole = { output_chars_max: listLimits.output_chars_max, isWhole: true };

export function ticketWorld(store: Store, log: Log, resolver: Pick<Resolver, 'nameOf'>): TicketWorld {
  const shell = new Shell(commandShellLimits);
  const { output_chars_max } = commandShellLimits;
  const { marks } = store;
  return {
    ledger: {
      owners: () => marks.owners(),
      marks: (jail, action) => marks.of(jail, action),
      set: (jail, action, id, data) => marks.set(jail, action, id, data),
      drop: (jail, action, id) => marks.drop(jail, action, id),
      clear: (jail, action) => marks.clear(jail, action),
    },
    voices: { actions: log.logger('actions'), utils: log.logger('utils') },
    names: { full: fullName(hostname(), textOf('/etc/hosts') ?? ''), short: hostname() },
    boot: (textOf('/proc/sys/kernel/random/boot_id') ?? '').trim(),
    now: () => Date.now() / 1000,
    commandsCpu_ms: childrenCpu_ms,
    nameOf: (address) => resolver.nameOf(address),
    run: (command, timeout_ms, output) =>
      shell.run(command, { timeout_ms, ...(output === undefined ? { output_chars_max } : whole) }),
  };
}

/** The name with a domain that /etc/hosts gives this host, as `hostname -f` says it; else the short one. */
export function fullName(short: string, hosts: string): string {
  if (short.includes('.')) return short;
  for (const line of hosts.split('\n')) {
    const [, ...names] = line.replace(/#.*/, '').trim().split(/\s+/);
    const [first] = names;
    if (first?.includes('.') && names.includes(short)) return first;
  }
  return short;
}

/** Of all children that have ended, by proc(5): user and system time in ticks of 10 ms, after the name in brackets. */
function childrenCpu_ms(): number {
  const [user, system] = (textOf('/proc/self/stat') ?? '')
    .replace(/^.*\) /, '')
    .split(' ')
    .slice(13, 15);
  return 10 * (Number(user ?? 0) + Number(system ?? 0));
}
