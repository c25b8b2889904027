/** Tells systemd how the daemon is (sd_notify(3)): ready, reloading, stopping, and alive while it is watched. */

import { createRequire } from 'node:module';
import { messageOf } from '../../shared/errors.ts';

export interface Supervisor {
  /** Everything is started, or a reload is over. */
  ready(): void;
  /** What stands behind Status: in `systemctl status`. */
  status(text: string): void;
  reloading(): void;
  stopping(): void;
  /** Ends the signs of life. */
  close(): void;
}

/** Sends one datagram; throws if that fails. */
export type Notify = (address: string, text: string) => void;

export interface SupervisorPorts {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly pid: number;
  /** Null: it was not compiled (a checkout). */
  readonly notify: Notify | null;
  warn(text: string): void;
}

const noSupervisor: Supervisor = {
  ready: () => undefined,
  status: () => undefined,
  reloading: () => undefined,
  stopping: () => undefined,
  close: () => undefined,
};

/** For the socket in NOTIFY_SOCKET; without one, nothing is told. Trouble is told once, and never thrown. */
export function openSupervisor({ env, pid, notify, warn }: SupervisorPorts): Supervisor {
  const address = env['NOTIFY_SOCKET'];
  if (address === undefined || address === '') return noSupervisor;
  if (notify === null) {
    warn('systemd waits for a sign of this daemon (Type=notify), but sd-notify.node is not there: use Type=exec');
    return noSupervisor;
  }
  let isWarned = false;
  const tell = (text: string) => {
    try {
      notify(address, text);
    } catch (error) {
      if (!isWarned) warn(`systemd cannot be told: ${messageOf(error)}`);
      isWarned = true;
    }
  };
  const period = watchdogPeriod(env, pid);
  const timer = period === null ? null : setInterval(() => tell('WATCHDOG=1'), period).unref();
  let status = 'Ready';
  return {
    ready: () => tell(`READY=1\nSTATUS=${status}`),
    status: (text) => {
      status = text.replaceAll('\n', ' ');
      tell(`STATUS=${status}`);
    },
    reloading: () => tell('RELOADING=1\nSTATUS=Reading the configuration again'),
    stopping: () => tell('STOPPING=1\nSTATUS=Stopping'),
    close: () => {
      if (timer !== null) clearInterval(timer);
    },
  };
}

/** Milliseconds between two signs of life: half of what systemd waits (sd_watchdog_enabled(3)). Null: nobody waits. */
function watchdogPeriod(env: SupervisorPorts['env'], pid: number): number | null {
  const { WATCHDOG_USEC: usec = '', WATCHDOG_PID: watched } = env;
  if (!/^[1-9]\d{0,15}$/.test(usec) || (watched !== undefined && watched !== String(pid))) return null;
  return Math.max(1, Math.floor(Number(usec) / 2000));
}

/** The compiled part, which the package has beside the programs; null in a checkout. */
export function loadNotify(file: URL = new URL('../native/sd-notify.node', import.meta.url)): Notify | null {
  try {
    const addon: { readonly notify: Notify } = createRequire(import.meta.url)(file.pathname);
    return addon.notify;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'MODULE_NOT_FOUND') return null;
    throw error;
  }
}
