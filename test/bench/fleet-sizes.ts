/** What so many bans take: the ledger's tables, its memory, the time to wake up, the snapshot in KV. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { BanList, encodeBanList } from '../../worker/ban-list.ts';
import { Roll } from '../../worker/ledger/roll.ts';
import { prepareTables } from '../../worker/ledger/schema.ts';
import { memorySql } from '../cloudflare/scene.ts';
import { figure, ms } from './monitor.ts';

const now = 1_800_000_000;

/** Collects what is garbage, so that what is left can be measured. */
function collect(): void {
  setFlagsFromString('--expose-gc');
  const gc: unknown = runInNewContext('gc');
  if (typeof gc === 'function') gc();
}

function timed<T>(run: () => T): { result: T; took: number } {
  const began = performance.now();
  const result = run();
  return { result, took: performance.now() - began };
}

export function sizes(bans: number): void {
  const sql = memorySql();
  prepareTables(sql, crypto.randomUUID(), now);
  sql.all(
    `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
     INSERT INTO holders SELECT (20 + i / 16777216) || '.' || (i / 65536 % 256) || '.' || (i / 256 % 256) || '.' || (i % 256),
       'h' || (i % 1000), 'sshd', ?, ? + 60 + i % 86400, 0, NULL, 0, i, 0, 'block', 1, 1 FROM n`,
    ...[bans, now, now],
  );
  const first = new Roll(sql);
  first.follow(now);
  first.keep(1);
  const size = Number(sql.all('SELECT page_count * page_size AS n FROM pragma_page_count, pragma_page_size')[0]?.['n']);
  collect();
  const before = process.memoryUsage().heapUsed;
  const roll = new Roll(sql);
  const woken = timed(() => roll.follow(now));
  const wanted = timed(() => roll.wanted());
  collect();
  const heap = process.memoryUsage().heapUsed - before;
  const snapshot = timed(() => encodeBanList(roll.effective(), 1, now));
  const list = BanList.open(new Uint8Array(snapshot.result).buffer);
  if (list === null || roll.bans !== bans || wanted.result.length !== bans) throw new Error('not all are there');
  console.log(`\n${bans.toLocaleString('en')} bans in one ledger`);
  figure('tables on disk', `${(size / 1e6).toFixed(1)} MB`);
  figure('memory of who holds what', `${(heap / 1e6).toFixed(1)} MB (${Math.round(heap / bans)} bytes a ban)`);
  figure('read when the object wakes', ms(woken.took));
  figure('in what order the list gets them', ms(wanted.took));
  figure('snapshot made', `${ms(snapshot.took)}, ${(snapshot.result.byteLength / 1e6).toFixed(2)} MB in KV`);
}
