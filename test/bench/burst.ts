/** An auth.log under attack. */
import { randomOf } from '../random.ts';
import { stamp } from './monitor.ts';

const attackers = 7_000;
const seed = 20_260_601;

export function addressOf(i: number): string {
  return `${11 + Math.floor(i / 65_536)}.${(i >> 8) & 255}.${i & 255}.77`;
}

/** 40 % failures, by default of 7,000 addresses, among what else stands in an auth.log, all of now. */
export function burstOf(count: number, among = attackers): string {
  const random = randomOf(seed);
  const below = (limit: number) => Math.floor(random() * limit);
  const at = stamp();
  let text = '';
  for (let i = 0; i < count; i += 1) {
    const pid = 1_000 + below(30_000);
    if (random() < 0.4) {
      const user = below(3) === 0 ? `invalid user u${below(90)}` : 'root';
      text += `${at} web1 sshd[${pid}]: Failed password for ${user} from ${addressOf(300_000 + below(among))} port ${1024 + below(60_000)} ssh2\n`;
    } else if (random() < 0.5)
      text += `${at} web1 CRON[${pid}]: pam_unix(cron:session): session opened for user root(uid=0) by (uid=0)\n`;
    else text += `${at} web1 systemd-logind[612]: New session ${pid} of user deploy.\n`;
  }
  return text;
}
