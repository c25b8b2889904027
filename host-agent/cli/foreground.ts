/** The daemon in the foreground: this process is it. */
import { describeError } from '../../shared/errors.ts';
import type { Options } from './options.ts';
import { dropPidFile, writePidFile } from './pid-file.ts';
import type { HostPorts, ServerSettings } from './ports.ts';
import { type ExitCode, exitCodes } from './program.ts';
import { sayError, type Terminal } from './terminal.ts';

/** Resolves when the daemon has stopped: by a signal (Ctrl-C too), or by a client's `stop`. */
export async function serveHere(
  options: Options,
  settings: ServerSettings,
  ports: HostPorts,
  terminal: Terminal,
): Promise<ExitCode> {
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
