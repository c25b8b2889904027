/** What a line costs where several jails read the same log. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { burstOf } from './burst.ts';
import { Edgeban } from './daemon.ts';
import { failed, figure, Monitor } from './monitor.ts';

const counts = [1, 2, 4, 8] as const;
/** Few: each jail bans by itself, and it is the reading that is to be seen. */
const attackers = 50;

/** Prints the processor time of a line in the running daemon, with 1, 2, 4 and 8 jails that read the log with sshd's filter. */
export async function jailsOnOneLog(lines: number): Promise<void> {
  console.log(`\n${lines} lines of one log, read by several jails (processor time of the daemon)`);
  const text = burstOf(lines, attackers);
  let one_us = 0;
  for (const count of counts) {
    const each_us = (await costOf(text, count)) / (lines / 1e6);
    if (count === 1) one_us = each_us;
    const further = count === 1 ? '' : `, a further jail ${((each_us - one_us) / (count - 1)).toFixed(1)} µs`;
    figure(`${count} jail${count === 1 ? '' : 's'}`, `${each_us.toFixed(1)} µs a line${further}`);
  }
}

/** Seconds. */
async function costOf(text: string, count: number): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'edgeban-jails-'));
  const jails = Array.from({ length: count }, (_, i) => (i === 0 ? 'sshd' : `sshd-${i}`));
  const daemon = new Edgeban(folder, { jails });
  try {
    await daemon.start();
    const last = '203.0.113.250';
    const monitor = await Monitor.listening(daemon.netns);
    const seen = monitor.seen(last, 'f2b-table', 900_000);
    const before = daemon.cpu();
    daemon.write(text + failed(last).repeat(5));
    await seen;
    monitor.close();
    const cost = daemon.cpu() - before;
    await daemon.stop();
    return cost;
  } finally {
    await daemon.remove();
    rmSync(folder, { recursive: true, force: true });
  }
}
