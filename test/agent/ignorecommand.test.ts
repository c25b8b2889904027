/** ignorecommand in a running agent: who is let off, what a line's text can do (nothing), and what holds when it goes wrong. */
import { existsSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { until } from '../world/wait.ts';
import { type AgentBench, startAgent, webJail } from './bench.ts';

/** A script beside the configuration that writes its arguments down, then does `body`. */
function script(bench: AgentBench, body: string): void {
  const note = `line=; for word in "$@"; do line="$line[$word]"; done; printf '%s\\n' "$line" >>${bench.dir}/asked`;
  bench.write('ask.sh', `${note}\n${body}\n`);
}

function asked(bench: AgentBench): string[] {
  const file = `${bench.dir}/asked`;
  return existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(0, -1) : [];
}

async function banned(bench: AgentBench): Promise<unknown> {
  return await bench.say('get', 'web', 'banned');
}

test('status 0 lets off, 1 does not, and lines are read meanwhile', async () => {
  const bench = await startAgent(webJail('ignorecommand = sh DIR/ask.sh <ip>\nignoreip = 203.0.113.9'));
  script(bench, `while [ ! -e ${bench.dir}/go ]; do sleep 0.02; done\n[ "$1" = 203.0.113.1 ]`);
  await bench.feed('fail 203.0.113.1', 'fail 203.0.113.2', 'fail 203.0.113.9');
  await until('both questions', () => asked(bench).length === 2);
  // whom ignoreip spares, nobody asks about; and the feed has not waited
  expect(asked(bench).toSorted()).toEqual(['[203.0.113.1]', '[203.0.113.2]']);
  expect(await banned(bench)).toEqual([]);
  bench.write('go', '');
  await until('the ban', async () => JSON.stringify(await banned(bench)) === '["203.0.113.2"]');
  await until('the answer', () => bench.log().includes('INFO    [web] Ignore 203.0.113.1 by command'));
  expect(bench.log()).toContain('[web] Ignore 203.0.113.9 by ip');
});

test('what a line says reaches the command as it stands, and never the shell', async () => {
  const tags = '<ip> "<F-USER>" <F-NOPE> \'<family>\' <ip-rev> <failures> <bantime> <fq-hostname> "<matches>" <nope';
  const bench = await startAgent(webJail(`ignorecommand = sh DIR/ask.sh ${tags.replace(' <nope', '')}`));
  script(bench, 'exit 1');
  const user = `$(touch\${IFS}${bench.dir}/owned);\`id\`'"|&*\\n%x`;
  await bench.feed(`fail 2001:db8::1 user=${user}`, 'fail 203.0.113.1 user=-rf');
  await until('the bans', async () => JSON.stringify(await banned(bench)).split(',').length === 2);
  const rev = `1${'.0'.repeat(23)}.8.b.d.0.1.0.0.2.`;
  // the time before the line is the filter's own
  expect(
    asked(bench)
      .map((line) => line.replace(/\[2\d{3}-\S+ fail/, '[fail'))
      .toSorted(),
  ).toEqual([
    `[2001:db8::1][${user}][inet6][${rev}][0][600][host-a.example][fail 2001:db8::1 user=${user}]`,
    '[203.0.113.1][-rf][inet4][1.113.0.203.][0][600][host-a.example][fail 203.0.113.1 user=-rf]',
  ]);
  expect(existsSync(`${bench.dir}/owned`)).toBe(false);
});

test.each([
  ['an odd status', 'exit 3', 'it ended with 3'],
  ['a command that is not there', 'exec /no/such/command', 'it ended with 127'],
  ['a signal', 'kill -9 $$', 'it ended with 137'],
  [
    'a command that hangs, with all its children',
    'trap "" TERM; sleep 1000 & echo $! >$(dirname $0)/child; wait; wait',
    'it did not end in time',
  ],
])('%s: the failure counts, and it is told', async (_name, body, told) => {
  const bench = await startAgent(webJail('ignorecommand = sh DIR/ask.sh <ip>'), {
    shell: { timeout_ms: 400, grace_ms: 100 },
  });
  script(bench, body);
  await bench.feed('fail 203.0.113.1');
  await until('the ban', async () => JSON.stringify(await banned(bench)) === '["203.0.113.1"]');
  expect(bench.log()).toContain(`[web] ignorecommand: ${told}: the failure counts`);
  const child = existsSync(`${bench.dir}/child`) ? Number(readFileSync(`${bench.dir}/child`, 'utf8')) : 0;
  if (child > 0) await until('the end of the child', () => !existsSync(`/proc/${child}/exe`));
});

test('a flood waits within bounds; the same question is asked once at a time', async () => {
  const options = { shell: { at_once_max: 2, waiting_max: 3 } };
  const bench = await startAgent(
    webJail('maxretry = 2\nignorecommand = sh DIR/ask.sh <ip>').replace('maxretry = 1\n', ''),
    options,
  );
  script(bench, `while [ ! -e ${bench.dir}/go ]; do sleep 0.02; done\nexit 0`);
  const addresses = Array.from({ length: 9 }, (_, n) => `203.0.113.${n + 1}`);
  await bench.feed(...addresses.flatMap((ip) => [`fail ${ip}`, `fail ${ip}`]));
  await until('the bans', async () => JSON.stringify(await banned(bench)).split(',').length === 4);
  expect(bench.log()).toContain('too many commands wait already: the failure counts');
  bench.write('go', '');
  await until('the answers', () => asked(bench).length === 5);
  expect(await banned(bench)).toEqual(addresses.slice(5));
});

test('ignorecache: one question for a key, until the cache is full or its time is over', async () => {
  const cache =
    'ignorecommand = sh DIR/ask.sh <ip> <F-USER>\nignorecache = key="<F-USER>@<ip-host>", max-count=2, max-time=1h';
  const bench = await startAgent(webJail(cache));
  script(bench, 'exit 0');
  const feed = async (ip: string, user: string, questions: number) => {
    const before = bench.log().split('by command').length;
    await bench.feed(`fail ${ip} user=${user}`);
    await until('the answer', () => bench.log().split('by command').length > before);
    expect(asked(bench).length).toBe(questions);
  };
  await feed('203.0.113.1', 'ann', 1);
  await feed('203.0.113.1', 'ann', 1);
  await feed('203.0.113.1', 'bob', 2);
  await feed('203.0.113.1', 'ann', 2);
  await feed('203.0.113.1', 'eve', 3);
  // ann was the oldest, and has gone for eve
  await feed('203.0.113.1', 'ann', 4);
  expect(await banned(bench)).toEqual([]);
});

test('a failure of a host name is asked about for each of its addresses', async () => {
  const names = { 'two.example': ['203.0.113.1', '203.0.113.2'] };
  const bench = await startAgent(webJail('ignorecommand = sh DIR/ask.sh <ip>'), { names });
  script(bench, '[ "$1" = 203.0.113.1 ]');
  await bench.feed('fail two.example');
  await until('the ban', async () => JSON.stringify(await banned(bench)) === '["203.0.113.2"]');
  await until('the answer', () => bench.log().includes('Ignore 203.0.113.1 by command'));
});

test('a reload keeps what waits; a stop ends the command', async () => {
  const bench = await startAgent(webJail('ignorecommand = sh DIR/ask.sh <ip>'));
  script(bench, `echo $$ >${bench.dir}/pid; while [ ! -e ${bench.dir}/go ]; do sleep 0.02; done; exit 1`);
  await bench.feed('fail 203.0.113.1');
  await until('the question', () => asked(bench).length === 1);
  await bench.say('reload');
  bench.write('go', '');
  await until('the ban', async () => JSON.stringify(await banned(bench)) === '["203.0.113.1"]');
  script(bench, `echo $$ >${bench.dir}/pid; sleep 1000`);
  await bench.feed('fail 203.0.113.2');
  await until('the question', () => asked(bench).length === 2);
  const pid = Number(await until('its id', () => readFileSync(`${bench.dir}/pid`, 'utf8').trim()));
  await bench.agent.stop({ unban: false });
  await until('its end', () => !existsSync(`/proc/${pid}/exe`));
});
