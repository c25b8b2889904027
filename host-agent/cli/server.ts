/** edgeban-server: starts the daemon, in the foreground or the background; other words go to the client. */
import { runClient } from './client.ts';
import { serveHere } from './foreground.ts';
import { usage } from './options.ts';
import type { HostPorts } from './ports.ts';
import type { ExitCode } from './program.ts';
import { runProgram, settingsOf } from './program.ts';
import { startInBackground } from './start.ts';
import type { Terminal } from './terminal.ts';

/** Runs the program; `argv` is what follows its name. In the foreground it resolves when the daemon has stopped. */
export function runServer(argv: readonly string[], ports: HostPorts, terminal: Terminal): Promise<ExitCode> {
  return runProgram('edgeban-server', argv, ports, terminal, async (options) => {
    const [word, ...more] = options.words;
    if (word !== undefined && (word !== 'start' || more.length > 0)) return await runClient(argv, ports, terminal);
    if (options.async && options.foreground) throw usage('option --async needs -b', 'leave out one of --async and -f');
    const settings = await settingsOf(options, ports);
    const start = options.foreground ? serveHere : startInBackground;
    return await start(options, settings, ports, terminal);
  });
}
