/** edgeban-server: starts the daemon, in the foreground or the background; other words go to the client. */
import { describeError } from '../../shared/errors.ts';
import { runClient } from './client.ts';
import type { Options } from './options.ts';
import { usage } from './options.ts';
import { dropPidFile, writePidFile } from './pid-file.ts';
import type { HostPorts } from './ports.ts';
import type { ExitCode } from './program.ts';
import { exitCodes, runProgram, settingsOf } from './program.ts';
import { startInBackground } from './start.ts';
import { sayError, type Terminal } from './terminal.ts';

/** Runs the program; `argv` is what follows its name. In the foreground it resolves when the daemon has stopped. */
export function runServer(argv: readonly string[], ports: HostPorts, terminal: Terminal): Promise<ExitCode> {
  return runProgram('edgeban-server', argv, ports, terminal, async (options) => {
    const [word, ...more] = options.words;
    if (word !== undefined && (word !== 'start' || more.length > 0)) return await runClient(argv, ports, terminal);
    if (options.async && options.foreground) throw usage('option --async needs -b', 'leave out one of --async and -f');
    return options.foreground ? await serve(options, ports, terminal) : await background(options, ports, terminal);
  });
}

async function background(options: Options, ports: HostPorts, terminal: Terminal): Promise<ExitCode> {
  return await startInBackground(options, await settingsOf(options, ports), ports, terminal);
}

async function serve(options: Options, ports: HostPorts, terminal: Terminal): Promise<ExitCode> {
  const settings = await settingsOf(options, ports);
  const ready = () => {
    // Only now is the socket ours: before, the pid file may be another daemon's.
    writePidFile(settings.pidfile, terminal.pid);
    terminal.out('Server ready');
  };
  try {
    await ports.serve({ configDir: options.configDir, processName: options.processName, settings, ready });
    return exitCodes.ok;
  } catch (error) {
    sayError(terminal, describeError(error));
    sayError(terminal, 'Could not start edgeban-server');
    return exitCodes.failed;
  } finally {
    dropPidFile(settings.pidfile, terminal.pid);
  }
}
