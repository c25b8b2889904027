/** `edgeban import-fail2ban`: shows what will be taken over from fail2ban, and does it. */

import { parseArgs } from 'node:util';
import { messageOf } from '../../shared/errors.ts';
import { usage } from './options.ts';
import type { HostPorts, ImportReport } from './ports.ts';
import { type ExitCode, exitCodes } from './program.ts';
import type { Terminal } from './terminal.ts';

export async function importFail2ban(argv: readonly string[], ports: HostPorts, terminal: Terminal): Promise<ExitCode> {
  const args = parse(argv);
  const settings = await ports.serverSettings(args.configDir);
  const own = {
    ...settings,
    ...(args.dbfile === undefined ? {} : { dbfile: args.dbfile }),
    ...(args.socket === undefined ? {} : { socket: args.socket }),
  };
  const work = await ports.importFail2ban({ ...args, ...own });
  const report = work.report();
  if (args.json) terminal.out(JSON.stringify(report));
  else terminal.out(shown(report, args.from, args.configDir, args.dryRun));
  if (args.dryRun) return exitCodes.ok;
  await work.run((text) => {
    if (!args.json) terminal.out(text);
  });
  if (!args.json) terminal.out(undo(report, args.configDir));
  return exitCodes.ok;
}

function parse(argv: readonly string[]) {
  const text = { type: 'string' } as const;
  const options = {
    from: { ...text, default: '/etc/fail2ban' },
    conf: { ...text, short: 'c', default: '/etc/edgeban' },
    socket: { ...text, short: 's' },
    database: text,
    dbfile: text,
    'dry-run': { type: 'boolean', default: false },
    json: { type: 'boolean', default: false },
  } as const;
  try {
    const { values } = parseArgs({ args: [...argv], options, allowPositionals: false });
    const { from, conf: configDir, socket, database, dbfile, 'dry-run': dryRun, json } = values;
    return { from, configDir, socket, dbfile, database: database ?? null, dryRun, json };
  } catch (error) {
    throw usage(messageOf(error));
  }
}

function shown(report: ImportReport, from: string, to: string, dryRun: boolean): string {
  const { files, jails, left, findings, active, remembered, running, systemd, database } = report;
  const of = (state: string) => files.filter((file) => file.state === state).map(({ path }) => path);
  const total = Object.values(active).reduce((sum, count) => sum + count, 0);
  const list = (title: string, items: readonly string[]) =>
    items.length === 0 ? [] : [title, ...items.map((item) => `   ${item}`)];
  return [
    `${dryRun ? 'This is what import-fail2ban would do' : 'This is what import-fail2ban does'}, from ${from} to ${to}:`,
    ...list('1. These files are copied (fail2ban keeps its own):', of('new')),
    ...list('   There already, and the same:', of('same')),
    ...list('   There already, and different, so they are left alone (compare them by hand):', of('kept')),
    `   Jails that edgeban runs then: ${jails.join(', ') || 'none'}`,
    ...list('   Jails of fail2ban that it cannot run:', left),
    ...list(
      '   What is to be said of the configuration:',
      findings
        .filter(({ severity }) => severity !== 'notice')
        .map(({ severity, message }) => `${severity}: ${message}`),
    ),
    `2. ${total} ban(s) in force are taken over from ${database ?? 'no database'}${
      total === 0
        ? ''
        : ` (${Object.entries(active)
            .map(([jail, count]) => `${jail}: ${count}`)
            .join(', ')})`
    }, and ${remembered} that are over are remembered`,
    '   Until edgeban holds them a table of its own does, so that no address is free at any moment',
    `3. ${running === null ? 'fail2ban does not run' : `fail2ban (process ${running}) is stopped${systemd ? ', and does not start again at boot' : ''}`}`,
    '4. edgeban is started, and all bans are looked for in the firewall',
    ...(dryRun ? ['Nothing was changed (--dry-run).'] : []),
  ].join('\n');
}

function undo({ files, systemd }: ImportReport, to: string): string {
  const written = files.filter(({ state }) => state === 'new').map(({ path }) => `${to}/${path}`);
  const start = systemd
    ? 'systemctl disable --now edgeban; systemctl enable --now fail2ban'
    : 'edgeban-client stop; fail2ban-client start';
  const remove = written.length === 0 ? '' : `; rm ${written.join(' ')}`;
  return `To undo it: ${start}${remove}`;
}
