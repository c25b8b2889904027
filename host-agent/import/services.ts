/** Stops fail2ban and starts edgeban: by systemd where it runs, else by hand. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { EdgebanError } from '../../shared/errors.ts';

/** fail2ban takes its bans out one by one when it stops. */
const stop_ms_max = 300_000;
const poll_ms = 100;

/** The running fail2ban's process; null if none runs. */
export function fail2banPid(pidfile: string): number | null {
  try {
    const pid = Number(readFileSync(pidfile, 'utf8').trim());
    return Number.isInteger(pid) && pid > 1 && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('fail2ban')
      ? pid
      : null;
  } catch {
    return null;
  }
}

/** A process that has ended, and for whose end nobody has asked yet (in a container without init), is not. */
function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return !/^ [ZX]/.test(stat.slice(stat.lastIndexOf(')') + 1));
  } catch {
    return false;
  }
}

export function hasUnit(unit: string): boolean {
  return existsSync('/run/systemd/system') && succeeds('systemctl', ['cat', '--no-pager', unit]);
}

/** Resolves when fail2ban has ended. Throws ERR_IMPORT_SERVICE. */
export async function stopFail2ban(pidfile: string): Promise<void> {
  const pid = fail2banPid(pidfile);
  if (hasUnit('fail2ban.service')) run('systemctl', ['disable', '--now', 'fail2ban.service']);
  if (pid === null) return;
  if (fail2banPid(pidfile) === pid) process.kill(pid, 'SIGTERM');
  for (const end = performance.now() + stop_ms_max; isAlive(pid); await sleep(poll_ms)) {
    if (performance.now() < end) continue;
    const remedy = 'stop it by hand, and run this again: nothing is lost meanwhile';
    throw new EdgebanError('ERR_IMPORT_SERVICE', `fail2ban (process ${pid}) does not stop`, { remedy });
  }
}

/** `command` runs edgeban-client with this configuration; used where there is no unit. */
export function stopEdgeban(command: readonly string[]): void {
  if (hasUnit('edgeban.service')) run('systemctl', ['stop', 'edgeban.service']);
  else succeeds(command[0] ?? '', [...command.slice(1), 'stop']);
}

/** Returns when it answers. Throws ERR_IMPORT_SERVICE. */
export function startEdgeban(command: readonly string[]): void {
  if (hasUnit('edgeban.service')) run('systemctl', ['enable', '--now', 'edgeban.service']);
  else run(command[0] ?? '', [...command.slice(1), 'start']);
}

function run(file: string, args: readonly string[]): void {
  try {
    execFileSync(file, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  } catch (cause) {
    const said = cause instanceof Error ? cause.message.slice(0, 1_000) : String(cause);
    throw new EdgebanError('ERR_IMPORT_SERVICE', said, { cause });
  }
}

function succeeds(file: string, args: readonly string[]): boolean {
  try {
    execFileSync(file, args, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}
