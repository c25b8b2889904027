/** One run of journalctl: its output as chunks, its complaints, and its end without leftovers. */
import { spawn } from 'node:child_process';

const COMPLAINT_BYTES_MAX = 4 * 1024;
/** journalctl goes at once on SIGTERM; what does not is killed. */
const STOP_MS = 2_000;

export interface Journalctl {
  /** Ends when journalctl does; the next chunk is read when the last one has been dealt with. */
  readonly output: AsyncIterable<Buffer>;
  /** The last words on stderr. */
  complaint(): string;
  /** Settles when the process is gone: its exit status, or why it could not be started. */
  readonly ended: Promise<string>;
  stop(): Promise<void>;
}

/** `onComplaint` is called whenever journalctl says something on stderr. */
export function startJournalctl(
  command: readonly string[],
  args: readonly string[],
  onComplaint: () => void,
): Journalctl {
  const [file = 'journalctl', ...first] = command;
  const env = { LC_ALL: 'C', PATH: process.env['PATH'] ?? '/usr/bin:/bin', SYSTEMD_COLORS: '0', SYSTEMD_PAGER: '' };
  const child = spawn(file, [...first, ...args], { env, stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  child.stderr.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString('utf8')).slice(-COMPLAINT_BYTES_MAX);
    onComplaint();
  });
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (status, signal) => resolve(signal ?? `status ${status}`));
  });
  const stop = async () => {
    child.stdout.destroy();
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
    await ended;
    clearTimeout(timer);
  };
  return { output: child.stdout, complaint: () => said.trim(), ended, stop };
}
