/** A free plan has 100,000 written rows, 1,000 KV writes and 1,200 requests in five minutes: 5,000 bans a day fit in. */
import { afterEach, expect, it } from 'vitest';
import { TestLedger } from './ledger.ts';
import { openScene, type Scene, want } from './scene.ts';

const bans_a_day = 5_000;
const gap_s = 86_400 / bans_a_day;
/** SQLite counts rows, a Durable Object their index entries, too: measured in workerd, a new holder is four. */
const holder_rows = 4;
/** Beside what is counted here, of each ban: its request's nonce, made and swept, and the purge of its holder. */
const rows_elsewhere = 3;

let scene: Scene | null = null;
afterEach(() => scene?.close());

/** Counts the rows that are written from now on, by the beginning of the statement. */
function countRows(on: Scene): () => number {
  let written = 0;
  const { all } = on.sql;
  const total = () => Number(all('SELECT total_changes() AS n')[0]?.['n']);
  on.sql.all = (query, ...values) => {
    const before = total();
    const rows = all(query, ...values);
    const weight = /^INSERT OR REPLACE INTO holders/.test(query) ? holder_rows : 1;
    written += (total() - before) * weight;
    return rows;
  };
  return () => written;
}

it('5,000 bans a day, one by one, fit into a free plan', async () => {
  const on = await openScene();
  scene = on;
  const ledger = new TestLedger(on);
  ledger.enrol('web1');
  const stream = crypto.randomUUID();
  const asked: number[] = [];
  on.line.fetch = (url, init) => {
    asked.push(on.clock.now);
    return fetch(url, init);
  };
  let alarms = 0;
  let told = 0;
  /** When the alarm is set to ring, as the Durable Object keeps it: only an earlier one is set in its place. */
  let alarmAt = Number.POSITIVE_INFINITY;
  const wake = () => {
    if (ledger.due >= alarmAt) return;
    alarmAt = Math.max(ledger.due, on.clock.now);
    alarms += 1;
  };
  const live = async (seconds: number) => {
    for (const end = on.clock.now + seconds; on.clock.now < end; ) {
      const next = on.clock.now + gap_s;
      told += 1;
      const { address } = want(`203.0.${told >> 8}.${told & 255}`);
      const ban = { kind: 'ban', jail: 'sshd', address, at: on.clock.now, until: on.clock.now + 600, failures: 5 };
      expect(ledger.tell('web1', stream, told, [{ ...ban, count: 1 }]).refused).toEqual([]);
      for (wake(); alarmAt < next; wake()) {
        on.clock.now = Math.max(on.clock.now, alarmAt);
        alarmAt = Number.POSITIVE_INFINITY;
        await ledger.work();
      }
      on.clock.now = next;
    }
  };
  await live(60);
  // what is at hand for a burst is used up
  on.sql.all("UPDATE cf_state SET state = json_set(state, '$.budgets.operations.left', 0)");
  on.sql.all('UPDATE ledger SET write_tokens = 0');
  on.restart();
  await live(900);
  const from = { told, alarms, puts: ledger.kv.puts };
  const rows = countRows(on);
  await live(3_600);
  const bans = told - from.told;
  const a_day = (count: number) => Math.round((count * bans_a_day) / bans);
  const used = {
    // an alarm that is set is a row
    rows: a_day(rows() + alarms - from.alarms + bans * rows_elsewhere),
    puts: a_day(ledger.kv.puts - from.puts),
  };
  expect(used.rows).toBeLessThan(90_000);
  expect(used.puts).toBeLessThan(1_000);
  const window = Math.max(...asked.map((at) => asked.filter((each) => each >= at && each < at + 300).length));
  expect(window).toBeLessThan(600);
  // and it follows all the same
  const { missing = 0 } = ledger.status.enforcement.detail ?? {};
  expect(missing).toBeLessThan(20);
});
