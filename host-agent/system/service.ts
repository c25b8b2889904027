/** The systemd unit that a daemon runs as, if it does. */
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';

const run = promisify(execFile);
const systemctl_ms_max = 120_000;

/** The unit whose main process is the one in `pidfile`; null: none. */
export async function serviceOf(pidfile: string): Promise<string | null> {
  try {
    const pid = readFileSync(pidfile, 'utf8').trim();
    const [, unit] =
      /\/system\.slice\/([\w@:.-]+\.service)$/m.exec(readFileSync(`/proc/${Number(pid)}/cgroup`, 'utf8')) ?? [];
    if (unit === undefined) return null;
    // what a service has started by hand is not the service
    const { stdout } = await run('systemctl', ['show', '-p', 'MainPID', '--value', unit], {
      timeout: systemctl_ms_max,
    });
    return stdout.trim() === pid ? unit : null;
  } catch {
    return null;
  }
}

/** Null when it is ready again, else what systemctl says. */
export async function restartService(unit: string): Promise<string | null> {
  try {
    await run('systemctl', ['restart', unit], { timeout: systemctl_ms_max });
    return null;
  } catch (error) {
    return error instanceof Error && 'stderr' in error ? String(error.stderr).trim() : String(error);
  }
}
