/** The log in a real journald: by its stream socket (SYSTEMD-JOURNAL), and by its syslog socket (SYSLOG). */
import { join } from 'node:path';
import { expect, test, vi } from 'vitest';
import { z } from 'zod';
import { Log } from '../../host-agent/log/log.ts';
import { Journald, whyNot } from '../sources/journald.ts';
import { soon } from '../world/wait.ts';

const entry = z.object({
  MESSAGE: z.string(),
  PRIORITY: z.string(),
  SYSLOG_IDENTIFIER: z.string(),
  SYSLOG_FACILITY: z.string().optional(),
  SYSLOG_PID: z.string().optional(),
});

test.for([
  ['SYSTEMD-JOURNAL', undefined],
  ['SYSLOG[facility=auth]', '7'],
])('%s', async ([target = '', pid], context) => {
  const reason = whyNot();
  if (reason !== null) context.skip(reason);
  const journald = new Journald();
  try {
    await vi.waitFor(() => expect(journald.ready).toBe(true), soon);
    const run = join(journald.folder, 'run/systemd/journal');
    const world = { journal: join(run, 'stdout'), syslogsocket: join(run, 'dev-log') };
    const log = new Log({ target, level: 'INFO', pid: 7, ...world });
    log.logger('actions').notice('[sshd] Ban 203.0.113.1');
    log.logger('server').error('a fault');
    const entries = await vi.waitFor(() => {
      const all = journald
        .run(['journalctl', '-o', 'json'])
        .split('\n')
        .filter((line) => line.includes('fail2ban.'));
      expect(all).toHaveLength(2);
      return all.map((line) => entry.parse(JSON.parse(line)));
    }, soon);
    const common = {
      SYSLOG_FACILITY: target === 'SYSTEMD-JOURNAL' ? '3' : '4',
      ...(pid === undefined ? {} : { SYSLOG_PID: pid }),
    };
    expect(entries.toSorted((a, b) => Number(b.PRIORITY) - Number(a.PRIORITY))).toEqual([
      { MESSAGE: 'NOTICE [sshd] Ban 203.0.113.1', PRIORITY: '5', SYSLOG_IDENTIFIER: 'fail2ban.actions', ...common },
      { MESSAGE: 'ERROR a fault', PRIORITY: '3', SYSLOG_IDENTIFIER: 'fail2ban.server', ...common },
    ]);
    log.close();
  } finally {
    await journald.remove();
  }
});
