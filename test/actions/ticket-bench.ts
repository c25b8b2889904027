/** An action of a jail `web` without an agent: bans in a map, notes in a database in memory, commands in a real shell. */
import { onTestFinished } from 'vitest';
import type { Order, TicketAction, TicketWorld } from '../../host-agent/actions/ticket-action.ts';
import { TicketActions } from '../../host-agent/actions/ticket-actions.ts';
import { Shell, shellLimits } from '../../host-agent/shell.ts';
import { openSqlite } from '../../host-agent/sqlite.ts';
import type { ActionConf } from '../../shared/config/action-conf.ts';
import { openStore } from '../../shared/store/store.ts';
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

export function ticketBench({ inside, run, host = 'evil.example' }: BenchSettings = {}): TicketBench {
  const sql = openSqlite(':memory:');
  const store = openStore(sql, { dbmaxmatches: 10, freshStream: () => crypto.randomUUID() });
  const shell = new Shell(shellLimits);
  onTestFinished(() => shell.close());
  const log: string[] = [];
  const say = (level: string) => (text: string) => void log.push(`${level} ${text}`);
  const voice = { error: say('ERROR'), notice: say('NOTICE'), info: say('INFO') };
  const held = new Map<string, Ban>();
  const throughShell: TicketWorld['run'] = ({ script, values }, timeout_ms) => {
    const options = { timeout_ms, output_chars_max: 500 };
    if (inside === undefined) return shell.run({ script, values }, options);
    // as words of a shell's own, so that the namespace gets exactly this
    return shell.run(
      { script: `exec ${inside.join(' ')} /bin/sh -c "$@"`, values: ['sh', script, ...values] },
      options,
    );
  };
  let registry: TicketActions | null = null;
  const bench: TicketBench = {
    ...{ log, held, ran: [], boot: 'one', actions: [] },
    start: async (...confs) => {
      const world: TicketWorld = {
        ledger: {
          marks: (jail, action) => store.marks.of(jail, action),
          set: (jail, action, id, data) => store.marks.set(jail, action, id, data),
          drop: (jail, action, id) => store.marks.drop(jail, action, id),
          clear: (jail, action) => store.marks.clear(jail, action),
        },
        ...{
          voices: { actions: voice, utils: voice },
          names: { full: 'host.example', short: 'host' },
          boot: bench.boot,
        },
        now: () => Date.now() / 1000,
        nameOf: async () => host,
        run: (command, timeout_ms) => {
          bench.ran.push(command);
          return (run ?? throughShell)(command, timeout_ms);
        },
      };
      registry = new TicketActions(world);
      const made = registry;
      const jail = {
        ...{
          name: 'web',
          held: () => [...held.values()],
          ban: (id: string) => held.get(id) ?? null,
          bantime: () => 600,
        },
        history: (id: string) => [held.get(id)].filter((ban) => ban !== undefined),
        figures: () => ({ banned: held.size, banned_total: 0, found: 0, found_total: 0 }),
      };
      bench.actions = confs.map((conf) => made.create(conf, jail));
      await Promise.all(bench.actions.map((action) => action.reconcile()));
    },
    ban: async (...bans) => {
      for (const ban of bans) held.set(ban.id, ban);
      await Promise.all(bench.actions.map((action) => action.tell(bans.map((ban) => ({ kind: 'ban', ban })))));
    },
    unban: async (...ids) => {
      const bans = ids.map((id) => held.get(id)).filter((ban) => ban !== undefined);
      for (const id of ids) held.delete(id);
      await Promise.all(bench.actions.map((action) => action.tell(bans.map((ban) => ({ kind: 'unban', ban })))));
    },
    tell: async (kind, ban) => {
      await Promise.all(bench.actions.map((action) => action.tell([{ kind, ban }])));
    },
    stop: async (options = { flush: false }) => {
      for (const action of bench.actions) await action.close(options);
    },
  };
  return bench;
}
