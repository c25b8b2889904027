/** A host with broken jails, an unreadable log and garbage in the good one: told with codes, and everything else goes on. */
import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { agentLog, client, inKernel, startAgent } from '../world/host.ts';
import { until } from '../world/wait.ts';
import { makePair } from './host-scenes.ts';

const good = (n: number) => `sshd[100${n}]: Failed password for root from 198.51.100.9 port 400${n} ssh2\n`;

function stamp(): string {
  const [date, time] = new Date(Date.now() - new Date().getTimezoneOffset() * 60_000).toISOString().split(/[T.]/);
  return `${date} ${time} host-a `;
}

/** `LOGS` stands for the folder of the logs. */
const jails = [
  '[sshd]\nenabled = true\nbackend = auto\nlogpath = LOGS/auth.log\nmaxretry = 3\n',
  '[ghost]\nenabled = true\nfilter = no-such-filter\nlogpath = LOGS/auth.log\n',
  '[badtime]\nenabled = true\nfilter = sshd\nfindtime = 10 parsecs\nlogpath = LOGS/auth.log\n',
  '[badregex]\nenabled = true\nfilter = sshd\nfailregex = ^(<HOST>\nlogpath = LOGS/auth.log\n',
  '[blind]\nenabled = true\nfilter = sshd\nbackend = auto\nlogpath = LOGS/unreadable.log\n',
].join('\n');

export async function badInput(): Promise<unknown> {
  const { host } = await makePair('');
  const logs = join(host.folder, 'logs');
  const file = join(logs, 'auth.log');
  // a folder in the place of a log: unreadable for root, too
  mkdirSync(join(logs, 'unreadable.log'), { recursive: true });
  writeFileSync(file, '');
  writeFileSync(join(host.config, 'jail.local'), jails.replaceAll('LOGS', logs));
  await startAgent(host);
  appendFileSync(file, garbage());
  for (const n of [1, 2, 3]) appendFileSync(file, stamp() + good(n));
  await until('the ban', async () => (await inKernel(host, 'addr-set-sshd')).includes('198.51.100.9'));
  const told = agentLog(host);
  const codes = ['ERR_CONFIG_FILTER', 'ERR_CONFIG_TIME', 'ERR_FILTER_REGEX', 'ERR_SOURCE_UNREADABLE'];
  const missing = codes.filter((code) => !told.includes(code));
  const status = await client(host, 'status');
  if (missing.length > 0 || !status.includes('Jail list:\tblind, sshd'))
    throw new Error(`${missing.join()}\n${status}\n${told}`);
  return { codes, status };
}

/** Lines that nobody should choke on. */
function garbage(): Buffer {
  const bytes = [
    Buffer.from([0xff, 0xfe, 0x00, 0x0a]),
    Buffer.from('\u2028\u202e\n\n\r\n'),
    Buffer.from(`${stamp()}sshd[1]: Failed password for ${'a'.repeat(1_000_000)} from 198.51.100.8 port 1 ssh2\n`),
    Buffer.from(`${stamp()}sshd[1]: Failed password for root from 999.1.1.1 port 1 ssh2\n`),
    Buffer.from('9999-99-99 99:99:99 host sshd[1]: Failed password for root from 198.51.100.7 port 1 ssh2\n'),
  ];
  return Buffer.concat(bytes);
}
