/** An action of a jail `web` without an agent: bans in a map, notes in a database in memory, commands in a real shell. */
import { onTestFinished } from 'vitest';
import type { Order, TicketAction, TicketJail, TicketWorld } from '../../host-agent/actions/ticket-action.ts';
import { TicketActions } from '../../host-agent/actions/ticket-actions.ts';
import { Shell, shellLimits } from '../../host-agent/system/shell.ts';
import { openSqlite } from '../../host-agent/system/sqlite.ts';
import type { ActionConf } from '../../shared/config/action-conf.ts';
import { openStore, type Store } from '../../shared/store/store.ts';
import type { Ban } from '../../shared/ticket.ts';

export interface TicketBench {
  readonly log: string[];
  /** The scripts that were run, with their values. */
  readonly ran: { readonly script: string; readonly values: readonly string[] }[];
  readonly held: Map<string, Ban>;
  boot: string;
  /** A new daemon over the same notes; the one before is left as a crash leaves it. */
  start(...confs: readonly ActionConf[]): Promise<void>;
  ban(...bans: readonly Ban[]): Promise<void>;
  unban(...ids: readonly string[]): Promise<void>;
  tell(kind: Order['kind'], ban: Ban): Promise<void>;
  actions: TicketAction[];
  stop(options?: { readonly flush: boolean }): Promise<void>;
}

export interface BenchSettings {
  /** What stands in front of /bin/sh, to have it elsewhere. */
  readonly inside?: readonly string[];
  /** In the place of the shell. */
  readonly run?: TicketWorld['run'];
  readonly host?: string;
}

export function ticketBench({ inside = [], run, host = 'evil.example' }: BenchSettings = {}): TicketBench {
  const { marks } = openNotes();
  const log: string[] = [];
  const held = new Map<string, Ban>();
  const execute = run ?? shellInside(inside);
  const world = (): TicketWorld => ({
    ledger: { ...ledgerOf(marks) },
    voices: { actions: voiceInto(log), utils: voiceInto(log) },
    names: { full: 'host.example', short: 'host' },
    boot: bench.boot,
    now: () => Date.now() / 1000,
    commandsCpu_ms: () => 0,
    nameOf: async () => host,
    run: (command, timeout_ms) => {
      bench.ran.push(command);
      return execute(command, timeout_ms);
    },
  });
  const tell = async (orders: readonly Order[]) => {
    await Promise.all(bench.actions.map((action) => action.tell(orders)));
  };
  const bench: TicketBench = {
    log,
    held,
    ran: [],
    boot: 'one',
    actions: [],
    start: async (...confs) => {
      const made = new TicketActions(world());
      bench.actions = confs.map((conf) => made.create(conf, jailOf(held)));
      await Promise.all(bench.actions.map((action) => action.reconcile()));
    },
    ban: (...bans) => {
      for (const ban of bans) held.set(ban.id, ban);
      return tell(bans.map((ban) => ({ kind: 'ban', ban })));
    },
    unban: (...ids) => {
      const bans = ids.map((id) => held.get(id)).filter((ban) => ban !== undefined);
      for (const id of ids) held.delete(id);
      return tell(bans.map((ban) => ({ kind: 'unban', ban })));
    },
    tell: (kind, ban) => tell([{ kind, ban }]),
    stop: async (options = { flush: false }) => {
      for (const action of bench.actions) await action.close(options);
    },
  };
  return bench;
}

function openNotes(): Store {
  return openStore(openSqlite(':memory:'), { dbmaxmatches: 10, freshStream: () => crypto.randomUUID() });
}

function ledgerOf(marks: Store['marks']): TicketWorld['ledger'] {
  return {
    owners: () => marks.owners(),
    marks: (jail, action) => marks.of(jail, action),
    set: (jail, action, id, data) => marks.set(jail, action, id, data),
    drop: (jail, action, id) => marks.drop(jail, action, id),
    clear: (jail, action) => marks.clear(jail, action),
  };
}

function voiceInto(log: string[]): TicketWorld['voices']['actions'] {
  const say = (level: string) => (text: string) => void log.push(`${level} ${text}`);
  return { error: say('ERROR'), notice: say('NOTICE'), info: say('INFO') };
}

function jailOf(held: ReadonlyMap<string, Ban>): TicketJail {
  return {
    name: 'web',
    held: () => [...held.values()],
    ban: (id) => held.get(id) ?? null,
    bantime: () => 600,
    history: (id) => [held.get(id)].filter((ban) => ban !== undefined),
    figures: () => ({ banned: held.size, banned_total: 0, found: 0, found_total: 0 }),
  };
}

/** As words of a shell's own, so that what stands `inside` gets exactly this. */
function shellInside(inside: readonly string[]): TicketWorld['run'] {
  const shell = new Shell(shellLimits);
  onTestFinished(() => shell.close());
  return ({ script, values }, timeout_ms) => {
    const within = { script: `exec ${inside.join(' ')} /bin/sh -c "$@"`, values: ['sh', script, ...values] };
    return shell.run(inside.length === 0 ? { script, values } : within, { timeout_ms, output_chars_max: 500 });
  };
}
