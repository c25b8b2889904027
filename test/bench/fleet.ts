/**
 * `node test/bench/fleet.ts`: 1,000 hosts. How long a ban takes to all of them in workerd, what a day of theirs costs at
 * Cloudflare, and what many bans take of memory: the figures of docs/scale.md.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { dayOf } from './fleet-day.ts';
import { listeners } from './fleet-live.ts';
import { sizes } from './fleet-sizes.ts';

const { values } = parseArgs({
  options: {
    hosts: { type: 'string', default: '1000' },
    /** Bans of all hosts in a day, how long each lasts, and how much of the day is counted, in seconds. */
    days: { type: 'string', default: '5000x3600x3600,20000x3600x3600,100000x86400x600' },
    sizes: { type: 'string', default: '10000,100000,1000000' },
    only: { type: 'string', default: '' },
  },
});
const wanted = (part: string) => values.only === '' || values.only.split(',').includes(part);
const hosts = Number(values.hosts);

const folder = mkdtempSync(join(tmpdir(), 'edgeban-fleet-'));
try {
  console.log(`${hosts} hosts (load ${(loadavg()[0] ?? 0).toFixed(1)})`);
  if (wanted('live')) await listeners(folder, hosts);
  if (wanted('days')) {
    const days = values.days.split(',').map((day) => day.split('x').map(Number));
    for (const [bans_a_day = 0, bantime_s = 0, seconds = 3_600] of days)
      await dayOf(folder, { hosts, bans_a_day, bantime_s, seconds });
  }
  if (wanted('sizes')) for (const bans of values.sizes.split(',').map(Number)) sizes(bans);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
