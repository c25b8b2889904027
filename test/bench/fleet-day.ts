/** A day of many hosts at the ledger, counted in a Durable Object by the rows that Cloudflare bills, against the fake API on the same clock. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { request } from 'undici';
import { z } from 'zod';
import { makeRealWorker } from '../edge/real-worker.ts';
import { createFakeCloudflare } from '../fakes/cloudflare/server.ts';
import { figure } from './monitor.ts';

const account = 'a'.repeat(32);
const zones = ['b'.repeat(32)];
const token = 'cfat_bench-secret-0123456789';

const statements_shown = 20;
const count = z.number();
const Outcome = z.object({
  costs: z.object({
    requests: count,
    refused: count,
    alarms: count,
    rows_written: count,
    rows_read: count,
    kv_writes: count,
    kv_reads: count,
    kv_bytes: count,
    api_calls: count,
    messages: count,
  }),
  standing: z.object({ bans: count, rows: count, missing: count, leftOut: count }),
  statements: z.array(z.tuple([z.string(), count])),
});
type Outcome = z.infer<typeof Outcome>;

export interface Day {
  readonly hosts: number;
  readonly bans_a_day: number;
  readonly bantime_s: number;
  readonly seconds: number;
}

/** What a free plan has in a day; what a paid one has in a month, and what a million more costs in dollars. */
const prices = [
  {
    name: 'requests to the Worker',
    free: 100_000,
    paid: 10e6,
    more: 0.3,
    of: ({ requests }: Outcome['costs']) => requests,
  },
  {
    name: 'requests and alarms of the object',
    free: 100_000,
    paid: 1e6,
    more: 0.15,
    of: ({ requests, alarms }: Outcome['costs']) => requests + alarms,
  },
  {
    name: 'rows written',
    free: 100_000,
    paid: 50e6,
    more: 1,
    of: ({ rows_written }: Outcome['costs']) => rows_written,
  },
  { name: 'rows read', free: 5e6, paid: 25e9, more: 0.001, of: ({ rows_read }: Outcome['costs']) => rows_read },
  { name: 'KV writes', free: 1_000, paid: 1e6, more: 5, of: ({ kv_writes }: Outcome['costs']) => kv_writes },
];

/** Prints what it costs. */
export async function dayOf(parent: string, day: Day): Promise<void> {
  print(day, await playDay(parent, day));
}

async function playDay(parent: string, day: Day): Promise<Outcome> {
  const folder = join(parent, `day-${day.bans_a_day}`);
  mkdirSync(folder);
  const clock = { now: 1_800_000_000 };
  const limits = { requests_per_window_max: 1_200 };
  const options = {
    account,
    zones: zones.map((id) => ({ id, name: 'example.test' })),
    tokens: [{ name: 'worker', secret: token }],
    limits,
  };
  const fake = createFakeCloudflare({ options, file: null, now: () => clock.now * 1000 });
  const times = createServer((asked, response) => {
    clock.now = Math.max(clock.now, Number(new URL(asked.url ?? '', 'http://clock').searchParams.get('now')));
    response.end();
  });
  const api = await fake.listen(0, '127.0.0.1');
  await new Promise<void>((resolve) => times.listen(0, '127.0.0.1', resolve));
  const worker = await makeRealWorker(folder, { config: writeConfig(folder) });
  try {
    await worker.start();
    const place = times.address();
    const port = typeof place === 'object' && place !== null ? place.port : 0;
    const plan = { ...day, api, clock: `http://127.0.0.1:${port}/`, account, zones, token };
    // a day of many bans takes minutes, and is answered at its end
    const patience = { headersTimeout: 0, bodyTimeout: 0 };
    const { statusCode, body } = await request(`${worker.url}/day`, {
      method: 'POST',
      body: JSON.stringify(plan),
      ...patience,
    });
    if (statusCode !== 200) throw new Error(await body.text());
    return Outcome.parse(await body.json());
  } finally {
    await worker.kill();
    times.close();
    await fake.close();
  }
}

/** What takes the largest part of a free plan's day, and how large a part; `refused`: bans that were not taken in. */
export async function fullestOf(
  parent: string,
  day: Day,
): Promise<{ told: string; part: number; refused: number; missing: number }> {
  const { costs, standing } = await playDay(parent, day);
  const parts = prices.map(({ name, free, of }) => ({ name, part: (of(costs) * 86_400) / day.seconds / free }));
  const told = parts.map(({ name, part }) => `${name} ${(part * 100).toFixed(0)} %`).join(', ');
  const part = Math.max(...parts.map((each) => each.part));
  return { told, part, refused: costs.refused, missing: standing.missing };
}

function writeConfig(folder: string): string {
  const file = join(folder, 'many-hosts.toml');
  const main = fileURLToPath(new URL('../worker/many-hosts.ts', import.meta.url));
  const lines = [
    'name = "many-hosts"',
    `main = ${JSON.stringify(main)}`,
    'compatibility_date = "2026-11-01"',
    '[[durable_objects.bindings]]\nname = "MANY_HOSTS"\nclass_name = "ManyHosts"',
    '[[migrations]]\ntag = "v1"\nnew_sqlite_classes = ["ManyHosts"]',
  ];
  writeFileSync(file, `${lines.join('\n')}\n`);
  return file;
}

function print({ hosts, bans_a_day, bantime_s, seconds }: Day, { costs, standing, statements }: Outcome): void {
  const inDay = (n: number) => (n * 86_400) / seconds;
  const text = (n: number) => Math.round(n).toLocaleString('en');
  console.log(
    `\n${text(bans_a_day)} bans a day of ${hosts} hosts, ${bantime_s / 3_600} h each (counted for ${seconds} s, told for a day)`,
  );
  let dollars = 5;
  for (const { name, free, paid, more, of } of prices) {
    const a_day = inDay(of(costs));
    const beyond = Math.max(0, a_day * 30 - paid);
    dollars += (beyond / 1e6) * more;
    figure(name, `${text(a_day)} (${((a_day / free) * 100).toFixed(0)} % of a free plan's day)`);
  }
  figure('a month on a paid plan', `$${dollars.toFixed(2)}`);
  figure(
    'calls of the API',
    `${text(inDay(costs.api_calls))}, ${(costs.api_calls / (seconds / 300)).toFixed(1)} in 5 minutes`,
  );
  figure('messages to listeners', text(inDay(costs.messages)));
  figure('snapshot in KV', `${text(costs.kv_bytes)} bytes, read ${text(inDay(costs.kv_reads))} times by the ledger`);
  figure(
    'bans in force at the end',
    `${text(standing.bans)}; not in the list: ${text(standing.leftOut)} for its cap, ${text(standing.missing)} not yet`,
  );
  for (const [query, rows] of statements.slice(0, statements_shown))
    figure(`   rows a day`, `${text(inDay(rows))}: ${query.replace(/\s+/g, ' ').slice(0, 90)}`);
  figure('rows of holders; bans refused', `${text(standing.rows)}; ${text(inDay(costs.refused))}`);
}
